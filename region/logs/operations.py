"""CloudWatch Logs' operations.

A token is the position of a line; at the end of a stream it does not change, which tells clients that it is the end.
"""

import re
from typing import Any

from forecastle.region.account import arn
from forecastle.region.local_region import LocalRegion
from forecastle.region.logs.journal import Event, Stream, now
from forecastle.region.wire.paging import first_of
from forecastle.region.wire.refusal import Refusal

Request = dict[str, Any]

FOREVER = 2**62
EVENTS = 10_000
PAGE = 50  # groups or streams
BYTES = 2**20  # in a response; AWS adds 26 bytes for each line
START, END = (-1, -1), (FOREVER, FOREVER)


def describe_log_groups(region: LocalRegion, request: Request) -> Request:
    prefix, pattern = request.get("logGroupNamePrefix", ""), request.get("logGroupNamePattern", "")
    found = [
        {"logGroupName": name, "creationTime": created, "arn": arn("logs", f"log-group:{name}:*"), "storedBytes": 0}
        for name, created in region.journal.groups().items()
        if name.startswith(prefix) and pattern in name
    ]
    return _page(found, request, "logGroups")


def create_log_group(region: LocalRegion, request: Request) -> Request:
    if not region.journal.make_group(request["logGroupName"]):
        raise Refusal("ResourceAlreadyExistsException", "The specified log group already exists")
    return {}


def create_log_stream(region: LocalRegion, request: Request) -> Request:
    group, name = request["logGroupName"], request["logStreamName"]
    if group not in region.journal.groups():
        raise _no_group()
    if any(stream.name == name for stream in region.journal.streams(group, name)):
        raise Refusal("ResourceAlreadyExistsException", "The specified log stream already exists")
    region.journal.make(group, name)
    return {}


def delete_log_group(region: LocalRegion, request: Request) -> Request:
    if not region.journal.delete(request["logGroupName"]):
        raise _no_group()
    return {}


def delete_log_stream(region: LocalRegion, request: Request) -> Request:
    if not region.journal.delete(request["logGroupName"], request["logStreamName"]):
        raise _no_stream()
    return {}


def put_log_events(region: LocalRegion, request: Request) -> Request:
    _stream(region, request)
    events = [(event["timestamp"], event["message"]) for event in request["logEvents"]]
    region.journal.write_events(request["logGroupName"], request["logStreamName"], events)
    return {"nextSequenceToken": str(now())}


def describe_log_streams(region: LocalRegion, request: Request) -> Request:
    group = _group(request)
    streams = region.journal.streams(group, request.get("logStreamNamePrefix", ""))
    if not streams and group not in region.journal.groups():
        raise _no_group()
    if request.get("orderBy") == "LastEventTime":
        streams.sort(key=lambda stream: stream.last or 0)
    if request.get("descending"):
        streams.reverse()
    return _page([_described(group, stream) for stream in streams], request, "logStreams")


def get_log_events(region: LocalRegion, request: Request) -> Request:
    stream = _stream(region, request)
    since, until = request.get("startTime", 0), request.get("endTime", FOREVER)
    limit, token = request.get("limit", EVENTS), request.get("nextToken")
    backward = token[0] == "b" if token else not request.get("startFromHead", False)
    place = _place(token) if token else (END if backward else START)
    events = region.journal.events(stream.id, since, until, place, limit, newest_first=backward)
    size, fitting = 0, 0
    for event in events:
        size += len(event.message.encode()) + 26
        if size > BYTES and fitting:
            break
        fitting += 1
    events = events[:fitting]
    if backward:
        events.reverse()
    first, last = ((events[0].at, events[0].id), (events[-1].at, events[-1].id)) if events else (place, place)
    return {
        "events": [{"timestamp": e.at, "message": e.message, "ingestionTime": e.at} for e in events],
        "nextForwardToken": _token("f", last if events or not backward else _before(place)),
        "nextBackwardToken": _token("b", first),
    }


def filter_log_events(region: LocalRegion, request: Request) -> Request:
    group = _group(request)
    names = request.get("logStreamNames")
    streams = region.journal.streams(group, request.get("logStreamNamePrefix", ""))
    if not streams and group not in region.journal.groups():
        raise _no_group()
    streams = [stream for stream in streams if names is None or stream.name in names]
    since, until = request.get("startTime", 0), request.get("endTime", FOREVER)
    limit, token = request.get("limit", EVENTS), request.get("nextToken")
    place, fits = _place(token) if token else START, _filter(request.get("filterPattern", ""))
    kept: list[Event] = []
    more = True
    while more and len(kept) < limit:
        events = region.journal.found(streams, since, until, place, EVENTS)
        more = len(events) == EVENTS
        for event in events:
            place = (event.at, event.id)
            if fits(event.message):
                kept.append(event)
                if len(kept) == limit:
                    more = True
                    break
    answer: Request = {
        "events": [
            {
                "logStreamName": e.stream,
                "timestamp": e.at,
                "message": e.message,
                "ingestionTime": e.at,
                "eventId": f"{e.id:056d}",
            }
            for e in kept
        ],
        "searchedLogStreams": [],
    }
    if more:
        answer["nextToken"] = _token("f", place)
    return answer


def _page(found: list[Request], request: Request, member: str) -> Request:
    """The page of groups or streams that the request asks for."""
    start = first_of(request.get("nextToken"), "InvalidParameterException", "nextToken")
    limit = request.get("limit", PAGE)
    answer: Request = {member: found[start : start + limit]}
    if start + limit < len(found):
        answer["nextToken"] = str(start + limit)
    return answer


def _filter(pattern: str) -> Any:
    """A filter pattern: terms that a line must contain, "quoted" if they have spaces, -excluded or ?optional."""
    terms = [(sign, quoted or bare) for sign, quoted, bare in re.findall(r'([-?]?)(?:"([^"]*)"|(\S+))', pattern)]
    every = [term for sign, term in terms if sign == ""]
    none = [term for sign, term in terms if sign == "-"]
    some = [term for sign, term in terms if sign == "?"]

    def fits(line: str) -> bool:
        return (
            all(term in line for term in every)
            and not any(term in line for term in none)
            and (not some or any(term in line for term in some))
        )

    return fits


def _described(group: str, stream: Stream) -> Request:
    return {
        "logStreamName": stream.name,
        "creationTime": stream.created,
        "firstEventTimestamp": stream.first,
        "lastEventTimestamp": stream.last,
        "lastIngestionTime": stream.last,
        "arn": arn("logs", f"log-group:{group}:log-stream:{stream.name}"),
        "storedBytes": 0,
    }


def _group(request: Request) -> str:
    return str(request.get("logGroupName") or request.get("logGroupIdentifier", "").rpartition("log-group:")[2])


def _stream(region: LocalRegion, request: Request) -> Stream:
    streams = region.journal.streams(_group(request), request["logStreamName"])
    for stream in streams:
        if stream.name == request["logStreamName"]:
            return stream
    raise _no_stream() if _group(request) in region.journal.groups() else _no_group()


def _token(direction: str, place: tuple[int, int]) -> str:
    return f"{direction}/{place[0] + 1:028d}{place[1] + 1:028d}/s"


def _place(token: str) -> tuple[int, int]:
    found = re.fullmatch(r"[fb]/(\d{28})(\d{28})/s", token)
    if found is None:
        raise Refusal("InvalidParameterException", "The specified nextToken is invalid.")
    return int(found[1]) - 1, int(found[2]) - 1


def _before(place: tuple[int, int]) -> tuple[int, int]:
    return START if place == END else place


def _no_group() -> Refusal:
    return Refusal("ResourceNotFoundException", "The specified log group does not exist.")


def _no_stream() -> Refusal:
    return Refusal("ResourceNotFoundException", "The specified log stream does not exist.")
