#include "import/import.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(ImportReportTest, SaysWhichWarningIsAnError) {
  for (const bool strict : {false, true}) {
    ImportProgress progress;
    if (strict) progress.warnings.MakeErrors();
    progress.warnings.Add({.code = "c", .object = "/d/_a", .message = "it is skipped"})
        .IgnoreError();
    ImportReport report;
    report.AddProgress(progress, absl::Seconds(1));
    EXPECT_EQ(report.success(), !strict);
    EXPECT_EQ(report.first_error,
              strict ? "/d/_a: it is skipped (a warning, which --strict makes an error)" : "");
  }
}

}  // namespace
}  // namespace millrace
