"""Programs that speak for the kernel: what a streamed program sends in its kernel's name."""

from __future__ import annotations

PRELUDE = """\
import json
kernel = get_ipython().kernel
me = kernel.streams.attached[0].comm_id
def send(kind, content, parent=None, **more):
    parent = parent or kernel.get_parent("shell")
    kernel.session.send(kernel.iopub_socket, kind, content, parent=parent, **more)
def forge(data, kind="comm_msg", comm_id=me, **more):
    send(kind, {"comm_id": comm_id, "data": data}, **more)
def raw(content, kind="comm_msg", header=None, parent=None):
    session = kernel.session
    head = {**session.msg_header(kind), **(header or {})}
    about = parent or kernel.get_parent("shell")["header"]
    parts = [json.dumps(p, default=str).encode() for p in (head, about, {})]
    parts.append(content.replace("ME", me).encode("utf-8", "surrogatepass"))
    frames = [b"<IDS|MSG>", session.sign(parts), *parts]
    put(frames)
    return frames
put = kernel.iopub_thread.send_multipart
def on_comm(text, *rest):
    raw('{"comm_id": "ME", "data": %s}' % text)
def show(text):
    raw('{"data": {"application/json": %s}, "metadata": {}}' % text, 'display_data')
"""
"""Without a word about it: kernel and program are one process, and the key is there."""

CHUNK = "{'type': 'chunk', 'index': 0, 'lines': [1, 1], 'state': 'done', 'category': 'plain', "
CHUNK += "'reason': ''}"
RESULT = (
    "{'type': 'result', 'status': 'ok', 'execution_count': 1, 'error': None, 'program': 'forged', "
    "'executed_lines': 1}"
)

UNFIT = {
    # Types and frames.
    "frames": r"forge({'type': 'chunk\n\nevent: end\ndata: {\"status\": \"ok\"}\n\n'})",
    "carriage returns": r"forge({'type': 'x\r\revent: end\rdata: {}\r\r'})",
    "an end": "forge({'type': 'end', 'status': 'ok'})",
    "a delta": "forge({'type': 'delta', 'text': 'rm -rf'})",
    "an error": "forge({'type': 'error', 'message': 'forged'})",
    "a progress": "forge({'type': 'progress', 'text': 'forged', 'fraction': 2})",
    "an output on the comm": "forge({'type': 'output', 'output': {'output_type': 'stream'}})",
    "dropped": "forge({'type': 'dropped', 'reason': 'forged'})",
    "no type": "forge({'text': 'forged'})",
    "a type of another type": "forge({'type': ['chunk']})",
    "a type that is null": "forge({'type': None})",
    "data that is null": "forge(None)",
    "data that is a list": "forge([1, 2])",
    "data that is a text": "forge('chunk')",
    "a huge type": "forge({'type': 'x' * 100_000})",
    # Fields of a chunk.
    **{
        f"a chunk with {name}": f"forge({{**{CHUNK}, {field}}})"
        for name, field in {
            "a negative index": "'index': -1",
            "an index beyond the text": "'index': 10 ** 9",
            "a big index": "'index': 2 ** 70",
            "an index that is true": "'index': True",
            "an index that is no integer": "'index': 1.5",
            "lines beyond the text": "'lines': [1, 10 ** 9]",
            "lines backwards": "'lines': [3, 1]",
            "three lines": "'lines': [1, 2, 3]",
            "no lines": "'lines': []",
            "lines that are none": "'lines': None",
            "a state of no table": "'state': 'exploded'",
            "a state with a line break": r"'state': 'done\n\nevent: end'",
            "a category of no table": "'category': 'x'",
            "a long reason": "'reason': 'x' * 100_000",
            "a reason that is none": "'reason': None",
        }.items()
    },
    "a chunk without fields": "forge({'type': 'chunk'})",
    # Fields of a stop.
    "a stop without fields": "forge({'type': 'stop'})",
    "a stop for no reason": "forge({'type': 'stop', 'reason': 'boredom', 'message': ''})",
    "a stop with a long message": "forge({'type': 'stop', 'reason': 'error', "
    "'message': 'x' * 100_000})",
    "a stop with a wrong message": "forge({'type': 'stop', 'reason': 'error', 'message': 5})",
    # Fields of a result.
    "a result without fields": "forge({'type': 'result'})",
    **{
        f"a result with {name}": f"forge({{**{RESULT}, {field}}})"
        for name, field in {
            "a status of no table": "'status': 'splendid'",
            "a count below zero": "'execution_count': -1",
            "a huge count": "'execution_count': 2 ** 80",
            "a count that is true": "'execution_count': True",
            "lines that have run below zero": "'executed_lines': -5",
            "a program of numbers": "'program': 5",
            "an error that is a text": "'status': 'error', 'error': 'forged'",
            "an error without a name": "'status': 'error', 'error': {}",
            "a traceback of numbers": "'status': 'error', 'error': {'ename': 'E', 'evalue': '', "
            "'traceback': [1], 'lines': None}",
            "a report of nothing": "'report': {}",
            "a report of texts": "'report': {'ttft_s': 'x', 'chunks': []}",
            "a report that is a list": "'report': []",
            "an error that went well": "'error': {'ename': 'E', 'evalue': '', 'traceback': [], "
            "'lines': None}",
        }.items()
    },
    # What belongs to another conversation.
    "resumed": "forge({'type': 'resumed', 'number': 0, 'count': 5, 'more': True, 'missing': True, "
    "'reply': {'status': 'ok'}, 'input': None})",
    "again": "forge({'type': 'again', 'number': 0, 'message': {'header': 1}})",
    # JSON that no browser takes, or no parser.
    "NaN": """on_comm('{"type": "chunk", "index": NaN}')""",
    "an infinite number": """on_comm('{"type": "chunk", "index": 1e999}')""",
    "many digits": """on_comm('{"type": "chunk", "index": 1%s}' % ('0' * 5000))""",
    "deep nesting": "on_comm('[' * 100_000 + ']' * 100_000)",
    "nesting that is just readable": "on_comm('[' * 900 + ']' * 900)",
    "half a surrogate pair": """on_comm('{"type": "chunk", "state": "\\\\ud800"}')""",
    "no JSON": "raw('{', 'stream')",
    "no object": "raw('[]', 'stream')",
    "bytes that are no text": "put([b'<IDS|MSG>', b'\\xff', b'\\xfe'])",
    "no message at all": "put([b'nonsense'])",
    "a message without a signature": "put([b'<IDS|MSG>', b'', b'{}', b'{}', b'{}', b'{}'])",
    "a message twice": "put(raw('{}', 'status'))",
    "no header": "raw('{}', header={'msg_type': None})",
    "a header of lists": "raw('{}', header={'msg_type': [], 'msg_id': {}})",
    "a parent of lists": "raw('{}', 'status', parent={'msg_id': [1]})",
    # Outputs.
    "a stream without a text": "send('stream', {'name': 'stdout'})",
    "a stream of numbers": "send('stream', {'name': 'stdout', 'text': 5})",
    "a stream of another name": "send('stream', {'name': 'x\\n\\nevent: end', 'text': ''})",
    "a display of nothing": "send('display_data', {})",
    "a display of a list": "send('display_data', {'data': [], 'metadata': {}})",
    "a display with an odd id": "send('display_data', {'data': {}, 'metadata': {}, 'transient': "
    "{'display_id': []}})",
    "an odd transient": "send('display_data', {'data': {}, 'metadata': {}, 'transient': 5})",
    "an update of nothing": "send('update_display_data', {})",
    "an odd update": "send('update_display_data', {'data': {}, 'metadata': {}, 'transient': None})",
    "an error of numbers": "send('error', {'ename': 1, 'evalue': 2, 'traceback': 3})",
    "a result of an odd count": "send('execute_result', {'data': {}, 'metadata': {}, "
    "'execution_count': 'x'})",
    "an output that is too deep": "show('[' * 500 + ']' * 500)",
    "an output that is not a number": "show('NaN')",
    "an output of many digits": "show('1' * 5000)",
    "a status that is a number": "send('status', {'execution_state': 5})",
    "no status": "send('status', {})",
}
"""What is no message of the protocol: the program's line that sends it, by what is wrong."""

JAMS = (
    "bytes that are no text",
    "no message at all",
    "a message without a signature",
    "a header of lists",
)
"""Of these, what a Jupyter server passes nothing on after, to whoever listens by a websocket."""
