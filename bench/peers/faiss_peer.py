"""FAISS: exact search of all rows for the 10 nearest others, and Recall@1 and @10 from them. The search alone is timed."""
import case_files
import faiss
import numpy as np

CHUNK = 4096  # queries at a time, so that results need little memory


def version(peer, a):
    return "FAISS " + faiss.__version__


class Work:
    def __init__(self, a):
        self.a = a
        faiss.omp_set_num_threads(a.threads)
        self.rows, self.labels = case_files.array(a.folder, "vectors"), case_files.array(a.folder, "labels")
        self.index = faiss.IndexFlatIP(self.rows.shape[1])
        self.index.add(self.rows)

    def run(self):
        self.nearest = [self.index.search(self.rows[i:i + CHUNK], 11)[1] for i in range(0, len(self.rows), CHUNK)]

    def check(self):
        """Of the first queries; ties in float32 may differ."""
        nearest = self.index.search(self.rows[:CHUNK], 11)[1]
        own = np.arange(len(nearest))[:, None]
        others = nearest != own
        hit = (self.labels[nearest] == self.labels[own]) & others
        place = np.cumsum(others, axis=1)
        counted = np.bincount(self.labels)[self.labels[:len(nearest)]] > 1
        recalls = [(hit & (place <= k)).any(1)[counted].mean() for k in (1, 10)]
        most = 2e-3 if len(nearest) == len(self.rows) else 0.05
        return case_files.compare("recalls", recalls, case_files.array(self.a.folder, "recalls"), most)
