#include "base/status.h"

#include <cerrno>

#include "absl/strings/cord.h"
#include "base/strings.h"

namespace millrace {
namespace {

TEST(Annotate, PutsContextInFrontAndKeepsCodeAndPayload) {
  absl::Status status = absl::DataLossError("bad checksum");
  status.SetPayload("url", absl::Cord("p"));
  const absl::Status annotated = Annotate(status, "reading a.gz");
  EXPECT_EQ(annotated.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ToStd(annotated.message()), "reading a.gz: bad checksum");
  EXPECT_EQ(annotated.GetPayload("url"), absl::Cord("p"));
  EXPECT_TRUE(Annotate(absl::OkStatus(), "reading").ok());
}

TEST(ErrnoStatus, SaysWhatToDoByItsCode) {
  EXPECT_EQ(ErrnoStatus(ENOENT, "opening x").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ErrnoStatus(EACCES, "opening x").code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ErrnoStatus(ENOSPC, "writing x").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ToStd(ErrnoStatus(ENOENT, "opening x").message()),
            "opening x: No such file or directory");
}

absl::StatusOr<int> Half(int n) {
  if (n % 2 != 0) return absl::InvalidArgumentError("odd");
  return n / 2;
}

absl::Status Quarter(int n, int& out) {
  ASSIGN_OR_RETURN(const int half, Half(n));
  ASSIGN_OR_RETURN(out, Half(half));
  return absl::OkStatus();
}

TEST(AssignOrReturn, AssignsOrReturns) {
  int out = 0;
  EXPECT_TRUE(Quarter(12, out).ok());
  EXPECT_EQ(out, 3);
  EXPECT_FALSE(Quarter(6, out).ok());
}

}  // namespace
}  // namespace millrace
