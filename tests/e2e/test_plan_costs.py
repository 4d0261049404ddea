"""What `millrace plan` says about costs: the units of the destination, by default prices and by those of --price. No
server is asked."""
import unittest

from harness import MillraceTest, main

NOBODY = {"BIGQUERY_EMULATOR_HOST": "127.0.0.1:1", "BIGQUERY_STORAGE_EMULATOR_HOST": "127.0.0.1:1",
          "SNOWFLAKE_TOKEN": "eyJraWQiOiIxIn0.eyJwIjoiMSJ9.c2lnbmF0dXJl"}
GIB = 2 ** 30


class PlanCostsTest(MillraceTest):
    def setUp(self):
        super().setUp()
        self.file = self.write_ndjson("events.ndjson", [
            {"event": "a", "properties": {"time": 1796000000, "distinct_id": f"u{i}", "$insert_id": f"i{i}"}}
            for i in range(1000)])

    def costs(self, to, *arguments):
        plan = self.run_json("plan", self.file, "--to", to, *arguments, env=NOBODY)
        return {line["name"]: line for line in plan["costs"]}, plan

    def test_units_by_method(self):
        lines, plan = self.costs("bigquery://p/d?table=events")
        self.assertEqual(list(lines), ["bigquery_write"])
        write = lines["bigquery_write"]
        self.assertAlmostEqual(write["amount"], plan["bytes_uncompressed"] / GIB)
        self.assertEqual((write["price"], write["price_given"]), (0.025, False))
        self.assertAlmostEqual(write["cost"], write["amount"] * 0.025)
        insert = self.costs("bigquery://p/d?table=events&method=insert_all")[0]["bigquery_insert"]
        self.assertAlmostEqual(insert["amount"], 1000 * 1024 / GIB, msg="1 KiB for each row")
        self.assertEqual(self.costs("postgres://nobody/d")[0], {})
        redshift = self.costs("redshift://work/dev/public?region=eu-west-1")[0]["redshift_rpu_hour"]
        self.assertAlmostEqual(redshift["amount"], 1000 / 4000 / 3600 * 8)
        self.assertEqual(self.costs("redshift://u@h:5439/dev/public")[0], {}, "a connection bills nothing by itself")
        snowflake = "snowflake://org-acct/d/s?user=u&method=sql"
        credit = self.costs(snowflake)[0]["snowflake_credit"]
        self.assertAlmostEqual(credit["amount"], 1000 / 2000 / 3600)

    def test_prices_are_inputs(self):
        to = "bigquery://p/d?table=events"
        line = self.costs(to, "--price", "bigquery_write=1000000")[0]["bigquery_write"]
        self.assertEqual((line["price"], line["price_given"]), (1000000, True))
        code, out, err = self.run_program("plan", self.file, "--to", to, "--price", "bigquery_write=1000000", env=NOBODY)
        self.assertEqual(code, 0, err)
        self.assertIn("GiB written by the Storage Write API at 1000000.0000: ", out)
        self.assertRegex(out, r"total +about \d+\.\d\d US dollars")
        for wrong, message in (("bigquery_wirte=1", "has no such price; it has bigquery_write"),
                               ("bigquery_write=much", "write NAME=DOLLARS")):
            code, _, err = self.run_program("plan", self.file, "--to", to, "--price", wrong, env=NOBODY)
            self.assertEqual(code, 2)
            self.assertIn(message, err)


if __name__ == "__main__":
    main()
