"""ONNX Runtime, OpenVINO and ncnn, on the CPU in float32: inference with the files that peer.py --prepare wrote.

default is the runtime as imported, with the number of threads; tuned also has the allocator that fledge's parent process
sets, and what each runtime's documentation advises for one request at a time.
"""
import case_files
import numpy as np


def version(peer, a):
    if peer == "onnxruntime":
        import onnxruntime
        return "ONNX Runtime " + onnxruntime.__version__
    if peer == "openvino":
        import openvino
        return "OpenVINO " + openvino.__version__.split("-")[0]
    import ncnn
    return "ncnn " + ncnn.__version__


def onnxruntime_forward(a, tuned):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = a.threads
    if tuned:
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(a.folder + "/model.onnx", options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {"images": images})[0]


def openvino_forward(a, tuned):
    import openvino
    # float32, as everybody here: with AMX it would take bfloat16.
    settings = {"INFERENCE_NUM_THREADS": a.threads, "INFERENCE_PRECISION_HINT": "f32"}
    if tuned:
        settings.update({"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1})
    core = openvino.Core()
    request = core.compile_model(core.read_model(a.folder + "/model.onnx"), "CPU", settings).create_infer_request()
    return lambda images: request.infer([images])[0]


def ncnn_forward(a, tuned):
    """One picture after the other: that is what ncnn has."""
    import ncnn
    net = ncnn.Net()
    net.opt.num_threads = a.threads
    if net.load_param(a.folder + "/model.param") or net.load_model(a.folder + "/model.bin"):
        raise RuntimeError("ncnn cannot read its own files")

    def forward(images):
        rows = []
        for image in images:
            extractor = net.create_extractor()
            extractor.input("images", ncnn.Mat(image))
            rows.append(np.array(extractor.extract("features")[1]))
        rows = np.stack(rows)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    return forward


FORWARD = {"onnxruntime": onnxruntime_forward, "openvino": openvino_forward, "ncnn": ncnn_forward}


class Work:
    def __init__(self, a):
        self.a = a
        self.forward = FORWARD[a.peer](a, a.variant == "tuned")
        self.images = case_files.array(a.folder, "images")

    def run(self):
        self.embedding = self.forward(self.images)

    def check(self):
        self.run()
        return case_files.compare("embeddings", self.embedding, case_files.array(self.a.folder, "embeddings"),
                                  1e-4 if self.a.precision == "f32" else 2e-2)
