"""A job's group: formed before the job works, and ended with it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from forecastle.algorithms.job import JobLog
from forecastle.contract.job_files import Hosts
from forecastle.contract.settings import Settings
from forecastle.training.hosts.follower import FollowingHost
from forecastle.training.hosts.leader import LeadingHost

PORT = 9099


@contextmanager
def joined(
    hosts: Hosts, token: str, settings: Settings, log: JobLog, stopping: Callable[[], bool]
) -> Iterator[LeadingHost | FollowingHost]:
    """The group of the hosts, once all are there; an error in the context ends the job on every host.

    Raises `HostLost` if a host does not come or disappears, and what another host has failed with.
    """
    names = sorted(hosts.all)
    number, address = names.index(hosts.current), leading_address(names[0], settings.leader)
    group = (
        LeadingHost(names[1:], address, token, log, settings.hosts_timeout)
        if hosts.leads
        else FollowingHost(number, len(names), names[0], address, token, log, settings.hosts_timeout)
    )
    try:
        group.join(stopping)
        log.line(f"All {len(names)} hosts have come: {', '.join(names)}.")
        yield group
        group.finish()
    except BaseException as error:
        group.fail(error)
        raise
    finally:
        group.close()


def leading_address(leader: str, given: str) -> tuple[str, int]:
    """Where the leading host listens: its name and our port, unless the setting says otherwise."""
    host, _, port = given.rpartition(":")
    return (host.strip("[]"), int(port)) if given else (leader, PORT)
