"""report.py PAGE MANIFEST FAILED DIRECTORY: renders the reports of a good and of a failed run in headless Chromium, light and
dark, and checks what they show. Screenshots go into the directory.

Chromium gets everything from a proxy that has only the page: any other request of the page is a failure, and so is a message
on its console, where violations of its security policy are reported.
"""

import json
import re
import struct
import subprocess
import sys
import threading
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

URL = "http://report.test/report.html"
SECTIONS = ["summary", "throughput", "lengths", "bad-rows", "modalities", "stages", "exchanges", "memory", "audit", "settings"]
CHARTS = ["throughput", "lengths", "bad-rows", "modalities", "stages", "memory"]
SIZE = "1000,5200"
results = []


def check(name, good, found=""):
    results.append(bool(good))
    print(f"{'ok   ' if good else 'WRONG'} {name}{'' if good else f': got {str(found)[:1000]}'}", flush=True)


class Shown(HTMLParser):
    """The text, the sections and the charts of a page as a browser has it."""

    def __init__(self, html):
        super().__init__()
        self.words, self.sections, self.charts, self.marks, self.skipped, self.chart = [], [], {}, 0, 0, None
        self.feed(html)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.skipped += tag in ("script", "style", "noscript")
        if tag == "section":
            self.sections.append(found["id"])
        if "data-chart" in found:
            self.chart = found["data-chart"]
            self.charts[self.chart] = 0
        if tag in ("rect", "path", "circle") and self.chart:
            self.charts[self.chart] += 1

    def handle_endtag(self, tag):
        self.skipped -= tag in ("script", "style", "noscript")
        if tag == "figure":
            self.chart = None

    def handle_data(self, data):
        if not self.skipped:
            self.words.append(data)


def serve(page):
    asked = []

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            body = page if self.path == URL else b""
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_CONNECT(self):
            asked.append(self.path)
            self.send_error(403)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, asked


def chromium(server, profile, *options):
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars", f"--user-data-dir={profile}",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions",
        "--disable-features=OptimizationHints,MediaRouter,Translate", "--enable-logging=stderr", "--force-prefers-reduced-motion",
        f"--proxy-server=http://127.0.0.1:{server.server_port}", "--proxy-bypass-list=<-loopback>", "--virtual-time-budget=5000",
        f"--window-size={SIZE}", *options, URL,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def pixels(png):
    """Width and height of a PNG."""
    return struct.unpack(">II", png.read_bytes()[16:24])


def render(page, directory, name):
    """Renders the page in both colour schemes; returns what it shows in the light one."""
    server, asked = serve(page.read_bytes())
    shown = None
    for scheme, number in (("light", 1), ("dark", 0)):
        picture = directory / f"{name}-{scheme}.png"
        options = [f"--blink-settings=preferredColorScheme={number}", f"--screenshot={picture}"]
        done = chromium(server, directory / "profile", "--dump-dom", *options)
        console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        check(f"{name}, {scheme}: no message on the console", done.returncode == 0 and not console, console or done.stderr)
        check(f"{name}, {scheme}: there is a picture", picture.is_file() and pixels(picture)[0] == int(SIZE.split(",")[0]), done.stderr)
        shown = shown or Shown(done.stdout)
    # Chromium itself requests updates and the time.
    others = {each for each in asked if not re.search(r"\.(google|googleapis)\.com[:/]", each)}
    check(f"{name}: nothing but the page was asked for", others == {URL}, asked)
    server.shutdown()
    check(f"{name}: every section", shown.sections == SECTIONS, shown.sections)
    check(f"{name}: light and dark differ", (directory / f"{name}-light.png").read_bytes() != (directory / f"{name}-dark.png").read_bytes())
    return shown


def main():
    page, manifest, failed_page, directory = (Path(argument) for argument in sys.argv[1:])
    manifest = json.loads(manifest.read_text())
    shown = render(page, directory, "good")
    drawn = {chart: marks for chart, marks in shown.charts.items() if marks > 0}
    check("every chart is drawn", sorted(drawn) == sorted(CHARTS), shown.charts)
    check("rows", f"{manifest['rows']:,} rows fused" in shown.text, shown.text[:600])
    check("tokens", f"{manifest['tokens']:,} tokens" in shown.text, shown.text[:600])
    bad = sum(manifest["quarantined"].values())
    check("bad rows", f"{bad:,} rows set aside" in shown.text and bad > 0, shown.text[:600])
    for reason, rows in manifest["quarantined"].items():
        check(f"bad rows of {reason}", f"{reason} {rows:,} " in shown.text, shown.text)
    check("fingerprint", f"Fingerprint {manifest['fingerprint']}" in shown.text, shown.text)
    check("audit", f"{manifest['audit']['keys']:,} keys: each is in the table or set aside" in shown.text, shown.text)
    for option, value in manifest["options"].items():
        check(f"option {option}", f"{option} {value}" in shown.text, shown.text)
    check("longest row", f"the longest one {manifest['lengths']['longest']:,}." in shown.text, shown.text)

    failed = render(failed_page, directory, "failed")
    check("why it failed", "Cannot decode row " in failed.text and "nothing was audited" in failed.text, failed.text[:800])
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return not all(results)


if __name__ == "__main__":
    sys.exit(main())
