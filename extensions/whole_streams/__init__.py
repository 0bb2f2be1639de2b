"""Show what a cell printed as it was printed, however its kernel cut the text into messages.

A kernel sends what is printed whenever its clock says so, at times in the middle of a line.
MyST-NB ends each piece with a line break; here the pieces are joined as they are.
"""

from copy import copy

from myst_nb.core import render


def join_streams(outputs):
    """Return the outputs with all pieces of a stream in the place of its first."""
    joined, streams = [], {}
    for output in outputs or []:
        first = streams.get(output.get("name"))
        if output["output_type"] == "stream" and first is not None:
            first["text"] += output["text"]
            continue
        if output["output_type"] == "stream":
            output = streams[output["name"]] = copy(output)
        joined.append(output)
    for stream in streams.values():
        stream["text"] = stream["text"].rstrip() + "\n"
    return joined


def setup(app):
    render.coalesce_streams = join_streams
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
