"""Launches per second: this tool against a default pylti1p3 tool, in turns, on the same machine and platform double."""

import json
import logging
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import RSAAlgorithm
from werkzeug.serving import make_server

HERE = Path(__file__).parent
OUTPUT = HERE.parent.parent / "var" / "bench" / "launch.json"
WORKERS, DRIVERS, ROUNDS, LAUNCHES, PEOPLE = 2, 4, 5, 400, 60
FAR_SECONDS = 0.025  # a platform in the cloud, before TLS
CANNED, FAR, DEMO = "key set from memory", "key set from memory, 25 ms away", "key set of the demo LMS"
C = "https://purl.imsglobal.org/spec/lti/claim/"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
KEY = rsa.generate_private_key(65537, 2048)
ISSUER, CLIENT = "https://platform.example", "client-1"
# ours, pylti1p3 with the cache of its example, and pylti1p3 with no store at all
TOOLS = ("ours", "theirs", "theirs_without_store")
fork = multiprocessing.get_context("fork")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class DemoKeyHost:
    """The Canvas-like site of the demo LMS in a process of its own: a platform's key set as a program serves it."""

    def __init__(self):
        from lti_tool.demo import LmsConfig, create_lms
        from lti_tool.demo.keys import jwks

        port = free_port()
        lms = create_lms(LmsConfig(base_url=f"http://127.0.0.1:{port}"))
        pem = lms.hub.pems["canvas"]
        self.key = load_pem_private_key(pem.encode(), None)
        self.kid = jwks(pem)["keys"][0]["kid"]
        self.url = f"http://127.0.0.1:{port}/canvas/api/lti/security/jwks"
        self.process = fork.Process(target=serve_quietly, args=(lms.app, port), daemon=True)
        self.process.start()
        wait_for(port)

    def stop(self):
        self.process.terminate()


def serve_quietly(app, port):
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    make_server("127.0.0.1", port, app, threaded=True).serve_forever()


class CannedKeyHost:
    """Serves the platform's key set as cheaply as can be, as far away as the round wants."""

    key, kid = KEY, "k1"

    def __init__(self):
        public = json.loads(RSAAlgorithm.to_jwk(KEY.public_key()))
        key = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "k1", "n": public["n"], "e": public["e"]}
        body = json.dumps({"keys": [key]})
        self.answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
        self.delay = 0.0
        self.server = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self.server.getsockname()[1]}/jwks"
        for _ in range(8):
            threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection, _ = self.server.accept()
            with connection:
                connection.recv(65536)
                if self.delay:
                    time.sleep(self.delay)
                connection.sendall(self.answer)

    def stop(self):
        self.server.close()


def configure(folder, key_set_url):
    """Write what both tools are told, register the platform with ours, and return it."""
    ports = {name: free_port() for name in TOOLS}
    config = {
        "folder": str(folder),
        **{name: f"http://127.0.0.1:{port}" for name, port in ports.items()},
        "issuer": ISSUER,
        "client_id": CLIENT,
        "deployment_id": "dep-1",
        "auth_login_url": f"{ISSUER}/auth",
        "auth_token_url": f"{ISSUER}/token",
        "key_set_url": key_set_url,
        "registration": str(uuid4()),
    }
    (folder / "config.json").write_text(json.dumps(config))
    os.environ["LAUNCH_BENCH"] = str(folder / "config.json")
    subprocess.run([sys.executable, __file__, "prepare"], check=True)
    return config, ports


def prepare():
    """Make our database; in a process of its own, so that no worker inherits a connection."""
    from datetime import UTC, datetime
    from uuid import UUID

    sys.path.insert(0, str(HERE))
    import launch_tools

    from lti_tool.models import Deployment, Registration, db, transaction

    config = launch_tools.CONFIG
    with launch_tools.ours().app_context():
        db.create_all()
        with transaction() as session:
            values = {name: config[name] for name in ("issuer", "client_id", "auth_login_url", "auth_token_url")}
            now = datetime.now(UTC)
            row = Registration(
                id=UUID(config["registration"]),
                name="Bench",
                family="canvas",
                key_set_url=config["key_set_url"],
                created_at=now,
                **values,
            )
            row.deployments = [Deployment(lms_deployment_id="dep-1", active=True, created_at=now)]
            session.add(row)


def start(factory, port):
    """Start one tool under gunicorn and wait until it listens."""
    command = [sys.executable, "-m", "gunicorn", "--chdir", str(HERE), "-w", str(WORKERS), "-b", f"127.0.0.1:{port}"]
    process = subprocess.Popen([*command, "--log-level", "warning", f"launch_tools:{factory}()"])
    wait_for(port)
    return process


def wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("a server did not start")


class Browser:
    """Launches at one tool; one connection a request, as both are served by synchronous workers."""

    def __init__(self, config, name, port, host):
        self.port, self.host = port, host
        self.base = f"/lti/{config['registration']}" if name == "ours" else ""
        self.target = config[name] + self.base

    def request(self, method, path, body=None, cookie=""):
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, self.base + path, body, {"Cookie": cookie, **(FORM if body else {})})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer

    def login(self, number):
        """Make the first hop and sign the platform's answer; return the post that ends the launch."""
        query = urlencode({"iss": ISSUER, "client_id": CLIENT, "login_hint": "x", "target_link_uri": self.target})
        answer = self.request("GET", f"/login?{query}")
        asked = parse_qs(urlsplit(answer.getheader("Location")).query)
        cookies = "; ".join(cookie.split(";")[0] for cookie in answer.headers.get_all("Set-Cookie"))
        token = jwt.encode(
            self.claims(number % PEOPLE, asked["nonce"][0]), self.host.key, "RS256", {"kid": self.host.kid}
        )
        return urlencode({"state": asked["state"][0], "id_token": token}), cookies

    def claims(self, person, nonce):
        now = int(time.time())
        return {
            "iss": ISSUER,
            "aud": CLIENT,
            "azp": CLIENT,
            "sub": f"person-{person}",
            "iat": now - 1,
            "exp": now + 300,
            "nonce": nonce,
            "name": f"Person {person}",
            "email": f"person{person}@example.org",
            f"{C}version": "1.3.0",
            f"{C}message_type": "LtiResourceLinkRequest",
            f"{C}deployment_id": "dep-1",
            f"{C}target_link_uri": f"{self.target}/launch",
            f"{C}resource_link": {"id": "rl-1"},
            f"{C}roles": ["http://purl.imsglobal.org/vocab/lis/v2/membership#Learner"],
            f"{C}context": {"id": "course-1", "label": "CS1", "title": "Intro"},
            f"{C}custom": {"canvas_user_id": str(person), "canvas_course_id": "7"},
        }

    def launch(self, body, cookies):
        """Post what a login gave, and read the answer to its end."""
        self.post(self.posted(body, cookies))

    def posted(self, body, cookies):
        """Return a launch as the bytes of its request."""
        head = f"POST {self.base}/launch HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nCookie: {cookies}\r\n"
        sized = f"{head}Content-Type: {FORM['Content-Type']}\r\nContent-Length: {len(body)}\r\n"
        return f"{sized}Connection: close\r\n\r\n{body}".encode()

    def post(self, request):
        """Post by a bare socket: the drivers share the tools' processors and shall take as little of them as can be."""
        with socket.socket() as connection:
            connection.connect(("127.0.0.1", self.port))
            connection.sendall(request)
            answer = connection.recv(65536)
            while connection.recv(65536):
                pass
        if answer[9:12] not in (b"200", b"303"):
            raise SystemExit(f"a launch was answered with {answer[9:12].decode()}")


def rate(work, items):
    """Share the items among the drivers and return how many were done per second."""
    gate = fork.Barrier(DRIVERS + 1)

    def drive(share):
        gate.wait()
        for item in share:
            work(item)

    drivers = [fork.Process(target=drive, args=(items[number::DRIVERS],)) for number in range(DRIVERS)]
    [driver.start() for driver in drivers]
    gate.wait()
    began = time.perf_counter()
    for driver in drivers:
        driver.join()
    if any(driver.exitcode for driver in drivers):
        raise SystemExit("a driver failed")
    return len(items) / (time.perf_counter() - began)


def measure(browser, label):
    """Return launches per second with the key set as it is: the launch alone, and with its login."""
    launches = [browser.posted(*browser.login(number)) for number in range(LAUNCHES)]
    return {
        f"launch, {label}": rate(browser.post, launches),
        f"login and launch, {label}": rate(lambda number: browser.launch(*browser.login(number)), range(LAUNCHES)),
    }


def measure_far(browser, host):
    """Return launches per second when the platform is a network away."""
    launches = [browser.posted(*browser.login(number)) for number in range(LAUNCHES // 3)]
    host.delay = FAR_SECONDS
    far = rate(browser.post, launches)
    host.delay = 0.0
    return {f"launch, {FAR}": far}


def report(rounds):
    """Print the table and write the JSON; ratios are of neighbours in time, which a noisy machine slows alike."""
    found = {}
    print("Launches per second, median (least to most) of the rounds; two gunicorn workers each. This tool stores")
    print("course, person and session. pylti1p3 with its defaults: (a) the cache of its example, in files that both")
    print("workers share; (b) no store, the launch in Flask's session cookie.")
    print(f"{'':48}{'this tool':>18}{'pylti1p3 (a)':>18}{'ratio':>18}{'pylti1p3 (b)':>18}{'ratio':>18}")
    for what in rounds[0]["ours"]:
        rates = {name: [one[name][what] for one in rounds] for name in TOOLS}
        found[what] = dict(rates)
        line = f"{what:48}{_column(rates['ours'], 0):>18}"
        for name in TOOLS[1:]:
            ratios = [a / b for a, b in zip(rates["ours"], rates[name], strict=True)]
            found[what][f"ratio to {name}"] = {"all": ratios, "median": statistics.median(ratios)}
            line += f"{_column(rates[name], 0):>18}{_column(ratios, 2):>18}"
        print(line)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    facts = {"workers": WORKERS, "drivers": DRIVERS, "launches": LAUNCHES, "far_seconds": FAR_SECONDS, "results": found}
    OUTPUT.write_text(json.dumps(facts, indent=2))


def _column(values, digits):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def run_rounds(host, label):
    """Start both tools against a platform, warm them, and measure them in turns."""
    with tempfile.TemporaryDirectory() as name:
        config, ports = configure(Path(name), host.url)
        tools = {which: start(which, port) for which, port in ports.items()}
        try:
            browsers = {which: Browser(config, which, port, host) for which, port in ports.items()}
            for browser in browsers.values():  # the first launches fill caches and make rows
                for number in range(PEOPLE):
                    browser.launch(*browser.login(number))
            return [
                {which: measured(browser, host, label) for which, browser in browsers.items()} for _ in range(ROUNDS)
            ]
        finally:
            for process in tools.values():
                process.terminate()
                process.wait()
            host.stop()


def measured(browser, host, label):
    found = measure(browser, label)
    return found | measure_far(browser, host) if label == CANNED else found


def main():
    """Run the rounds and report."""
    demo = run_rounds(DemoKeyHost(), DEMO)
    canned = run_rounds(CannedKeyHost(), CANNED)
    report([{which: one[which] | other[which] for which in one} for one, other in zip(demo, canned, strict=True)])


if __name__ == "__main__":
    prepare() if sys.argv[1:] == ["prepare"] else main()
