#include "connectors/redshift/server_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace millrace::redshift {
namespace {

using Kind = ServerError::Kind;
using testing::HasSubstr;

TEST(RedshiftServerErrorTest, Exceptions) {
  EXPECT_EQ(ClassifyException(400, "ThrottlingException", ""), Kind::kThrottled);
  EXPECT_EQ(ClassifyException(400, "ActiveStatementsExceededException", ""), Kind::kThrottled);
  EXPECT_EQ(ClassifyException(500, "InternalServerException", ""), Kind::kRetry);
  EXPECT_EQ(ClassifyException(503, "", ""), Kind::kRetry);
  EXPECT_EQ(ClassifyException(400, "ExpiredTokenException", ""), Kind::kExpired);
  EXPECT_EQ(ClassifyException(403, "AccessDeniedException", ""), Kind::kStop);
  EXPECT_EQ(ClassifyException(400, "UnrecognizedClientException", ""), Kind::kStop);
  EXPECT_EQ(ClassifyException(400, "ValidationException", "ClientToken: 1 to 64"), Kind::kStop);
  EXPECT_EQ(ClassifyException(400, "ValidationException",
                              "Cannot process query string larger than 100kB"),
            Kind::kTooLarge);
}

TEST(RedshiftServerErrorTest, Failures) {
  EXPECT_EQ(ClassifyFailure("", "ERROR: 1023\n  DETAIL: Serializable isolation violation on table"),
            Kind::kRetry);
  EXPECT_EQ(ClassifyFailure("", "ERROR: Query (1) cancelled on user's request"), Kind::kRetry);
  EXPECT_EQ(ClassifyFailure("", "ERROR: Disk Full"), Kind::kThrottled);
  EXPECT_EQ(ClassifyFailure("", "ERROR: Value too long for character type"), Kind::kRefusesRow);
  EXPECT_EQ(ClassifyFailure("", "ERROR: relation \"s.events\" does not exist"), Kind::kMissing);
  EXPECT_EQ(ClassifyFailure("", "ERROR: schema \"s\" does not exist"), Kind::kMissing);
  EXPECT_EQ(ClassifyFailure("", "ERROR: column \"x\" of relation \"t\" does not exist"),
            Kind::kStop);
  EXPECT_EQ(ClassifyFailure("", "ERROR: permission denied for relation t"), Kind::kStop);
  EXPECT_EQ(ClassifyFailure("", "something new"), Kind::kStop);
  EXPECT_EQ(ClassifyFailure("42P01", "relation is gone"), Kind::kMissing);
  EXPECT_EQ(ClassifyFailure("42501", "permission denied"), Kind::kStop);
  EXPECT_EQ(ClassifyFailure("53100", "disk full"), Kind::kThrottled);
  EXPECT_EQ(ClassifyFailure("57P01", "terminating connection"), Kind::kRetry);
  EXPECT_EQ(ClassifyFailure("22001", "value too long"), Kind::kRefusesRow);
}

// Redshift quotes the value that it refuses.
TEST(RedshiftServerErrorTest, AValueDoesNotDecide) {
  for (const char* value : {"timeout", "permission denied", "relation x does not exist"}) {
    EXPECT_EQ(ClassifyFailure("", StrCat("ERROR: invalid input syntax for type x: ", value)),
              Kind::kRefusesRow);
  }
}

TEST(RedshiftServerErrorTest, ANameDoesNotDecide) {
  for (const char* name : {"connections", "quota_events", "overflow", "restarting", "super",
                           "timeout", "connection to", "columns", "out of range"}) {
    EXPECT_EQ(ClassifyFailure("", StrCat("ERROR: relation \"", name, "\" does not exist")),
              Kind::kMissing)
        << name;
    EXPECT_EQ(ClassifyFailure("", StrCat("ERROR: permission denied for relation ", name)),
              Kind::kStop)
        << name;
    EXPECT_EQ(ClassifyFailure("", StrCat("ERROR: must be owner of relation ", name)), Kind::kStop)
        << name;
    EXPECT_EQ(ClassifyFailure("", StrCat("ERROR: column \"", name,
                                         "\" is of type bigint but expression is of type super")),
              Kind::kStop)
        << name;
  }
  EXPECT_EQ(ClassifyFailure("", "ERROR: relation s.quota_exceeded does not exist"), Kind::kMissing);
  EXPECT_EQ(ClassifyFailure("", "ERROR: could not open relation with OID 7"), Kind::kRetry);
}

TEST(RedshiftServerErrorTest, PhrasesThatDecide) {
  for (const char* passing :
       {"ERROR: the connection to the compute node was lost", "FATAL: connection reset by peer",
        "server closed the connection unexpectedly", "ERROR: the cluster is restarting",
        "ERROR: could not connect to node", "connection timed out"}) {
    EXPECT_EQ(ClassifyFailure("", passing), Kind::kRetry) << passing;
  }
  for (const char* slow :
       {"ERROR: Schema quota exceeded", "aborted due to exceeding the disk quota in schema(s): s",
        "ERROR: connection limit exceeded", "FATAL: too many connections"}) {
    EXPECT_EQ(ClassifyFailure("", slow), Kind::kThrottled) << slow;
  }
}

TEST(RedshiftServerErrorTest, MessagesSayWhatToDo) {
  const absl::Status denied =
      StatusOf({.kind = Kind::kStop, .code = "AccessDeniedException", .message = "no"});
  EXPECT_TRUE(absl::IsPermissionDenied(denied));
  EXPECT_THAT(ToStd(denied.message()), HasSubstr("docs/connectors/redshift.md"));
  EXPECT_TRUE(absl::IsUnauthenticated(
      StatusOf({.kind = Kind::kStop, .code = "InvalidSignatureException", .message = "no"})));
  EXPECT_TRUE(absl::IsUnavailable(StatusOf({.kind = Kind::kThrottled, .message = "slow"})));
  EXPECT_TRUE(absl::IsNotFound(StatusOf({.kind = Kind::kMissing, .message = "gone"})));
}

}  // namespace
}  // namespace millrace::redshift
