"""The report of a staypoints run in headless Chromium (Debian package `chromium`; skipped and counted where it is missing).

With MILLRACE_SCREENSHOTS=FOLDER it leaves pictures of the page there.
"""
import os
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import chromium
from harness import DATA, MillraceTest, main

HEADER = "user_id,trip_start_time,trip_end_time,start_lat,start_lng,end_lat,end_lng\n"


@unittest.skipUnless(chromium.PROGRAM, "chromium is not installed")
class ReportTest(MillraceTest):
    def report(self, trips, *args, expect=0):
        path = self.folder / "report.html"
        self.result = self.run_json("staypoints", "--input", trips, "--output", self.folder / "out", "--report", path, *args, expect=expect)
        return path

    def open(self, path, **options):
        page = chromium.Page(path.as_uri(), **options)
        self.addCleanup(page.close)
        self.assertTrue(page.wait_for("document.readyState === 'complete' && document.documentElement.dataset.ready === 'yes'"))
        return page

    def text(self, page, id):
        return page.evaluate(f"document.getElementById('{id}').textContent")

    def picture(self, page, name):
        folder = os.environ.get("MILLRACE_SCREENSHOTS")
        if folder:
            page.screenshot(os.path.join(folder, name + ".png"))

    def trips(self, *rows):
        return self.write("trips.csv", HEADER + "".join(",".join(map(str, row)) + "\n" for row in rows))

    def test_shows_the_run(self):
        # One stay of an hour (Monday 08:00), one of a day (Monday 10:00), and an overlap.
        path = self.report(self.trips(
            ("a", "2026-03-02T07:00:00", "2026-03-02T08:00:00", 48.10, 11.50, 48.11, 11.51),
            ("a", "2026-03-02T09:00:00", "2026-03-02T10:00:00", 48.11, 11.51, 48.12, 11.52),
            ("a", "2026-03-03T10:00:00", "2026-03-03T11:00:00", 48.12, 11.52, 48.13, 11.53),
            ("b", "2026-03-02T10:00:00", "2026-03-02T11:30:00", 48.12, 11.52, 48.13, 11.53),
            ("b", "2026-03-02T11:00:00", "2026-03-02T12:00:00", 48.12, 11.52, 48.13, 11.53)))
        page = self.open(path)
        self.assertEqual(page.evaluate("[...document.querySelectorAll('#tiles dd')].slice(0, 3).map(e => e.textContent)"),
                         ["3", "2", "5"])
        self.assertIn("2026-03-02 to 2026-03-03", self.text(page, "subtitle"))
        self.assertIn("3 staypoints from 48.1", self.text(page, "map-note"))
        self.assertIn("1 overlap", self.text(page, "length-note"))
        self.assertEqual(page.evaluate("document.querySelectorAll('#length .bin').length > 1"), True)
        self.assertEqual(page.evaluate("[...document.querySelectorAll('#week title')].map(t => t.textContent).filter(t => !/: 0 /.test(t))"),
                         ["Monday 08:00 to 09:00: 1 arrival (33.3 %)", "Monday 10:00 to 11:00: 1 arrival (33.3 %)",
                          "Monday 11:00 to 12:00: 1 arrival (33.3 %)"])
        self.assertEqual(page.evaluate("document.getElementById('canvas').dataset.squares"), "3")
        # Each square is painted: the canvas has more than its background.
        painted = """(() => { const c = document.getElementById('canvas');
            return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(byte => byte > 0); })()"""
        self.assertTrue(page.evaluate(painted))
        page.evaluate("document.getElementById('by-hours').click()")
        self.assertIn("1 day", self.text(page, "ramp-high"))
        self.assertEqual(page.logged, [])
        self.assertIsNone(re.search(r'(?:src|href)="(?!data:)', path.read_text()))

    def test_hostile_names_stay_text(self):
        hostile = "<img src=x onerror='document.body.dataset.owned=1'>"
        folder = self.folder / hostile.replace("/", "")
        folder.mkdir()
        (folder / "trips.csv").write_text(HEADER + "a,2026-01-01,2026-01-01,1,2,3,4\na,2026-01-02,2026-01-02,1,2,3,4\n")
        page = self.open(self.report(folder))
        self.assertIn("<img src=x", self.text(page, "subtitle"))
        self.assertIsNone(page.evaluate("document.body.dataset.owned || null"))
        self.assertEqual(page.evaluate("document.querySelectorAll('img').length"), 0)

    def test_nothing_to_show(self):
        page = self.open(self.report(self.trips(("a", "2026-01-01", "2026-01-01", 1, 2, 3, 4))))
        self.assertIn("No staypoint has a place", self.text(page, "map-note"))
        self.assertEqual(page.logged, [])

    @unittest.skipUnless((DATA / "trips").is_dir(), "the sample data is not there")
    def test_real_trips(self):
        path = self.report(DATA / "trips/valleybike_trips_2018-2020.parquet")
        self.assertLess(path.stat().st_size, 3 << 20)
        for name, options in {"light": {}, "dark": {"dark": True}, "phone": {"width": 390, "height": 844}}.items():
            page = self.open(path, **options)
            self.assertFalse(page.evaluate("document.documentElement.scrollWidth > innerWidth"))
            self.assertEqual(page.logged, [])
            # A latitude of 2.1 does not affect the view, and is reported.
            note = self.text(page, "map-note")
            south, north = map(float, re.search(r"from ([\d.]+)° N to ([\d.]+)° N", note).groups())
            self.assertTrue(41.9 < south < north < 42.6, note)
            self.assertRegex(note, r"\d+ staypoints? .* far outside")
            inside, outside = (int(number.replace(",", "")) for number in re.search(r"^([\d,]+) .*?\. ([\d,]+) staypoint", note).groups())
            self.assertEqual(inside + outside, self.result["staypoints"])
            self.picture(page, "report-" + name)
            # Zoomed out, one sees all.
            page.evaluate("for (let i = 0; i < 16; ++i) document.getElementById('zoom-out').click()")
            self.assertGreater(int(page.evaluate("document.getElementById('canvas').dataset.squares")), 1)
            page.close()

    def test_a_report_that_cannot_be_written(self):
        trips = self.trips(("a", "2026-01-01", "2026-01-01", 1, 2, 3, 4))
        code, _, err = self.run_program("staypoints", "--input", trips, "--output", self.folder / "out", "--report", self.folder / "none/report.html")
        self.assertEqual(code, 2, err)
        self.assertIn("none", err)
        self.assertFalse((self.folder / "out").exists())


if __name__ == "__main__":
    main()
