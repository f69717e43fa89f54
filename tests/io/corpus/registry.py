"""The list that the case files add to."""

from containers import stacked

EXPECTATIONS = ('refuse', 'opaque', 'accept', 'accept-warn', 'either', 'nothing')
cases = []


def add(filename, data, expect, what, words=''):
    assert expect in EXPECTATIONS, filename
    assert filename not in [c[0] for c in cases], filename
    assert '\t' not in what + words
    cases.append((filename, data, expect, words or '-', what))


def object_case(slug, body, expect, what, words='', **options):
    """A stacked file whose object pickle is `body`."""
    add(slug + '.pth', stacked(body, **options), expect, what, words)
