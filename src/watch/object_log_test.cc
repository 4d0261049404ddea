#include "watch/object_log.h"

#include <gtest/gtest.h>

namespace millrace::watch {
namespace {

constexpr char kTraceId[] = "0af7651916cd43dd8448eb211c80319c";

TEST(TraceOf, ReadsTraceparent) {
  const Trace trace = TraceOf("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "");
  EXPECT_EQ(trace.trace_id, kTraceId);
  EXPECT_EQ(trace.span_id, "b7ad6b7169203331");
  EXPECT_TRUE(trace.sampled);
  EXPECT_FALSE(TraceOf("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", "").sampled);
  EXPECT_TRUE(TraceOf("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0b", "").sampled);
  EXPECT_FALSE(TraceOf("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0a", "").sampled);
}

TEST(TraceOf, ReadsGooglesHeaderIfItIsTheOnlyOne) {
  const Trace trace = TraceOf("", "0af7651916cd43dd8448eb211c80319c/123;o=1");
  EXPECT_EQ(trace.trace_id, kTraceId);
  EXPECT_TRUE(trace.sampled);
  EXPECT_FALSE(TraceOf("", kTraceId).sampled);
  EXPECT_EQ(TraceOf("", kTraceId).trace_id, kTraceId);
}

TEST(TraceOf, AMalformedHeaderGivesNoTrace) {
  for (const char* text : {"", "00", "00-short-b7ad6b7169203331-01",
                           "00-0af7651916cd43dd8448eb211c80319X-b7ad6b7169203331-01",
                           "00-0af7651916cd43dd8448eb211c80319c\nb7ad6b7169203331-01"}) {
    EXPECT_EQ(TraceOf(text, text).trace_id, "") << text;
  }
}

TEST(AddTrace, AddsTheFieldsThatGoogleCloudReads) {
  std::vector<LogField> fields;
  AddTrace({}, fields);
  EXPECT_TRUE(fields.empty());
  AddTrace({"projects/p/traces/t", "s", true}, fields);
  ASSERT_EQ(fields.size(), 3u);
  EXPECT_EQ(fields[0].key, "logging.googleapis.com/trace");
  EXPECT_EQ(fields[0].value, "projects/p/traces/t");
  EXPECT_EQ(fields[1].key, "logging.googleapis.com/spanId");
  EXPECT_EQ(fields[2].key, "logging.googleapis.com/trace_sampled");
  EXPECT_EQ(fields[2].value, "true");
  EXPECT_FALSE(fields[2].is_text);
}

}  // namespace
}  // namespace millrace::watch
