"""Which tasks of MiniWoB++ there are, and how their pages are served."""

import http.client
import re
import subprocess
import sys
import threading
from pathlib import Path

import agentkit_envs
import gymnasium
import pytest
from agentkit_envs.miniwob.page_server import PageServer, pages_folder, shared_pages
from agentkit_envs.miniwob.tasks import chosen_tasks, groups, page_of


@pytest.fixture(scope="module")
def server():
    server = PageServer(pages_folder())
    yield server
    server.close()


def get(origin, path, *, connection=None):
    connection = connection or http.client.HTTPConnection(origin.removeprefix("http://"))
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read()


def once(origin, path):
    connection = http.client.HTTPConnection(origin.removeprefix("http://"))
    try:
        return get(origin, path, connection=connection)
    finally:
        connection.close()


def test_the_tasks_are_the_pages_of_the_package():
    folder = pages_folder()
    pages = {path.relative_to(folder).as_posix() for path in folder.glob("miniwob/*.html")}
    pages |= {path.relative_to(folder).as_posix() for path in folder.glob("flight/*/wrapper.html")}
    assert {page_of(task) for task in groups()["all"]} == pages


def test_the_benchmark_is_what_the_package_registers_but_for_the_flights():
    registered = (pages_folder().parent / "registration.py").read_text(encoding="utf-8")
    names = re.findall(r'id="miniwob/([\w.-]+)-v1"', registered)
    assert sorted(groups()["benchmark"]) == [
        name for name in sorted(names) if not name.startswith("flight.")
    ]
    assert len(groups()["benchmark"]) == 125


def test_no_task_is_in_two_parts_and_the_parts_are_all():
    parts = [*groups()["benchmark"], *groups()["timed"], *groups()["flight"]]
    assert sorted(parts) == list(groups()["all"])
    assert len(parts) == len(set(parts)) == 134
    assert set(groups()["expert"]) <= set(groups()["all"])


def test_a_task_a_group_and_several_of_both_can_be_chosen():
    assert chosen_tasks("click-test") == ("click-test",)
    assert chosen_tasks("timed") == groups()["timed"]
    assert chosen_tasks("click-tab, click-test click-tab") == ("click-tab", "click-test")
    assert chosen_tasks(["click-test", "timed"]) == ("click-test", *groups()["timed"])


def test_every_unknown_name_is_told_with_what_was_probably_meant():
    with pytest.raises(ValueError, match=r"'click-tset' is unknown; did you mean 'click-test") as e:
        chosen_tasks("click-tset, click-tab, bench, zzz")
    first, second, third = str(e.value).splitlines()
    assert first == "task 'click-tset' is unknown; did you mean 'click-test'?"
    assert second == "task 'bench' is unknown; did you mean 'benchmark'?"
    assert third.startswith("task 'zzz' is unknown. There are the groups all, benchmark, ")
    assert "134 tasks" in third
    assert third.endswith("'python -m agentkit_envs.miniwob' lists them")


def test_a_command_lists_the_groups_and_the_tasks():
    ran = subprocess.run(
        [sys.executable, "-m", "agentkit_envs.miniwob"], capture_output=True, text=True
    )
    lines = ran.stdout.splitlines()
    listed = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines if "group " not in line}
    assert tuple(listed) == groups()["all"]
    assert listed["click-test"] == "benchmark, expert"
    assert ["group", "all", "134", "tasks"] in [line.split() for line in lines]
    assert ran.stderr == ""


@pytest.mark.parametrize("task", ["", " , ", [], 3, None, [3]])
def test_a_task_must_be_named(task):
    with pytest.raises(ValueError, match=r"task is the name of a task .* not"):
        chosen_tasks(task)


def told_by(program):
    """What a new Python says after finding no package but the standard library and ours."""
    ours = str(Path(agentkit_envs.__file__).parent.parent)
    lines = ["import sys", f"sys.path.append({ours!r})", program]
    ran = subprocess.run([sys.executable, "-S", "-c", "\n".join(lines)], capture_output=True)
    return ran.stdout.decode().strip() or ran.stderr.decode()


def test_the_pages_are_found_without_importing_their_package():
    site = str(pages_folder().parent.parent)
    told = told_by(
        f"sys.path.append({site!r})\n"
        "from agentkit_envs.miniwob.page_server import pages_folder\n"
        "print((pages_folder() / 'core' / 'core.js').is_file(), 'miniwob' in sys.modules)"
    )
    assert told == "True False"


def test_a_missing_package_is_an_import_error_that_names_it():
    site = str(Path(gymnasium.__file__).parent.parent)
    told = told_by(
        f"sys.path.append({site!r})\n"
        "sys.modules['miniwob'] = None\n"
        "from agentkit_envs.miniwob.page_server import pages_folder\n"
        "try: pages_folder()\n"
        "except ImportError as error: print(error.name, '|', error)"
    )
    assert told == "miniwob | the pages of MiniWoB++ are in the package 'miniwob'"


def test_a_page_is_served_with_its_type_and_may_be_kept(server):
    status, headers, content = once(server.origin, "/miniwob/click-test.html?x=1")
    assert status == 200
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert "immutable" in headers["Cache-Control"]
    assert content == (pages_folder() / "miniwob" / "click-test.html").read_bytes()


def test_only_the_files_of_the_folder_are_served(server):
    for path in (
        *("/", "/miniwob/", "/../registration.py", "/miniwob/../../registration.py"),
        *("/%2e%2e/registration.py", "//etc/passwd", "/core"),
    ):
        assert once(server.origin, path)[0] == 404, path


def test_a_connection_serves_many_files(server):
    connection = http.client.HTTPConnection(server.origin.removeprefix("http://"))
    connection.connect()
    socket = connection.sock
    for path in ("/core/core.js", "/no", "/core/core.css"):
        get(server.origin, path, connection=connection)
    assert connection.sock is socket
    connection.close()


def test_a_process_has_one_server():
    assert shared_pages() == shared_pages()
    before = threading.active_count()
    shared_pages()
    assert threading.active_count() == before
