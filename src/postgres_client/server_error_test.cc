#include "postgres_client/server_error.h"

#include <gtest/gtest.h>

namespace millrace::postgres {
namespace {

std::optional<uint64_t> LineIn(std::string_view context) {
  ServerError error;
  error.context = context;
  return CopyLine(error, "events");
}

TEST(ServerErrorTest, LinesOfACopyAreFound) {
  EXPECT_EQ(LineIn("COPY events, line 17"), 17u);
  EXPECT_EQ(LineIn("COPY events, line 3, column properties: \"{\""), 3u);
  EXPECT_EQ(LineIn("PL/pgSQL function f() line 3 at RAISE\nCOPY events, line 2: \"a\""), 2u);
  EXPECT_EQ(LineIn("JSON data, line 1: {\"a\nCOPY events, line 5, column properties: \"x\""), 5u);
}

TEST(ServerErrorTest, WhatAValueSaysIsNoLine) {
  EXPECT_EQ(LineIn("COPY events, line 4, column event: \"x\nCOPY events, line 1: \""), 4u);
  for (const char* context :
       {"", "COPY others, line 1", "COPY events, line ", "COPY events, line x", "COPY events",
        "SQL statement \"SELECT 'COPY events, line 7'\"", "COPY events, line 0"}) {
    EXPECT_EQ(LineIn(context), std::nullopt) << context;
  }
}

TEST(ServerErrorTest, OnlyDataBlamesRows) {
  for (const char* state :
       {"22001", "22P02", "23505", "23514", "44000", "54000", "P0001", "P0002"}) {
    EXPECT_TRUE(BlamesRows(state)) << state;
    EXPECT_EQ(CodeOf(state), absl::StatusCode::kInvalidArgument) << state;
  }
  for (const char* state : {"42P01", "42703", "42501", "53100", "57P01", "40001", "0A000", ""}) {
    EXPECT_FALSE(BlamesRows(state)) << state;
  }
}

TEST(ServerErrorTest, WhatPassesIsUnavailable) {
  for (const char* state : {"53100", "53300", "25006", "57P01", "57P03", "40001", "40P01", "55P03",
                            "57014", "25P03", "08006"}) {
    EXPECT_EQ(CodeOf(state), absl::StatusCode::kUnavailable) << state;
  }
  EXPECT_TRUE(IsOverloaded("53100"));
  EXPECT_FALSE(IsOverloaded("40001"));
  EXPECT_EQ(CodeOf("42501"), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(CodeOf("42P01"), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace millrace::postgres
