"""Every source compiles, and every module of the package can be imported without a warning about a name that is old."""

import importlib
import pathlib
import pkgutil
import unittest
import warnings

import airflow_provider_millrace

ROOT = pathlib.Path(__file__).resolve().parents[1]


class SmokeTest(unittest.TestCase):
    def test_sources_compile(self):
        paths = [path for path in ROOT.rglob("*.py") if "dist" not in path.parts]
        self.assertGreater(len(paths), 20)
        for path in paths:
            compile(path.read_bytes(), str(path), "exec")

    def test_modules_can_be_imported(self):
        names = [
            module.name
            for module in pkgutil.walk_packages(airflow_provider_millrace.__path__, "airflow_provider_millrace.")
        ]
        self.assertIn("airflow_provider_millrace.operators.millrace", names)
        with warnings.catch_warnings(record=True) as shown:
            warnings.simplefilter("always")
            for name in names:
                if not name.endswith(".supervisor"):  # a program
                    importlib.import_module(name)
        ours = [str(one.message) for one in shown if "airflow_provider_millrace" in one.filename]
        self.assertEqual(ours, [])


if __name__ == "__main__":
    unittest.main()
