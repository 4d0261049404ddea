#include "export/deleted_ids.h"

#include <gmock/gmock.h>

#include <fstream>

#include "export/export_filter.h"
#include "io/temp_folder.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class DeletedIdsTest : public testing::Test {
 protected:
  std::string Write(std::string_view text) {
    const std::string path = folder_->path() + "/list";
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  const std::unique_ptr<TempFolder> folder_ = *TempFolder::Make(testing::TempDir(), "deleted");
  const std::string kept_ = folder_->path() + "/kept";
};

TEST_F(DeletedIdsTest, AListHasAnIdALine) {
  EXPECT_THAT(*ReadDeletionList(Write("b\r\n\n a \nb\n$device:x")),
              ElementsAre("$device:x", "a", "b"));
}

TEST_F(DeletedIdsTest, OrIsWhatMixpanelTakes) {
  EXPECT_THAT(*ReadDeletionList(Write(R"( {"distinct_ids":["a","b\nc"],"compliance_type":"GDPR"})"
                                      "\n")),
              ElementsAre("a", "b\nc"));
}

TEST_F(DeletedIdsTest, WhatIsNoListIsAnError) {
  for (const std::string& text :
       {std::string(), std::string("\n\n"), std::string("{\"ids\":[]}"), std::string("{"),
        std::string("{\"distinct_ids\":[1]}"), std::string("{\"distinct_ids\":[]}"),
        std::string("a\0b", 3), std::string(2'000, 'x')}) {
    const absl::Status status = ReadDeletionList(Write(text)).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_THAT(status.ToString(), HasSubstr("list"));
  }
  EXPECT_TRUE(absl::IsNotFound(ReadDeletionList(kept_).status()));
}

TEST_F(DeletedIdsTest, AreKeptWithoutTheirTexts) {
  DeletedIds none = *DeletedIds::Open(kept_);
  EXPECT_TRUE(none.empty());
  ASSERT_TRUE(none.Add({"anna@example.com", "b"}).ok());
  DeletedIds again = *DeletedIds::Open(kept_);
  ASSERT_TRUE(again.Add({"c"}).ok());
  const DeletedIds all = *DeletedIds::Open(kept_);
  for (const char* id : {"anna@example.com", "b", "c"}) EXPECT_TRUE(all.Contains(id)) << id;
  EXPECT_FALSE(all.Contains("d"));
  std::ifstream file(kept_);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_THAT(text, Not(HasSubstr("anna")));
  for (const size_t size : {text.size() - 1, text.size() - 20, size_t{5}}) {
    std::ofstream(kept_) << text.substr(0, size);
    EXPECT_TRUE(absl::IsDataLoss(DeletedIds::Open(kept_).status())) << size;
  }
}

TEST_F(DeletedIdsTest, TheirEventsAreLeftOut) {
  DeletedIds deleted = *DeletedIds::Open(kept_);
  ASSERT_TRUE(deleted.Add({"gone"}).ok());
  std::atomic<uint64_t> left_out = 0;
  std::vector<std::string> lines;
  const auto raw_export = [](const mixpanel::RawExportRequest&, const auto& on_line,
                             std::stop_token) -> absl::Status {
    for (
        const char* line :
        {R"({"event":"e","properties":{"distinct_id":"gone"}})",
         R"({"event":"e","properties":{"distinct_id":"new","$distinct_id_before_identity":"gone"}})",
         R"({"event":"e","properties":{"distinct_id":"here","x":"gone"}})", "no record",
         R"({"$distinct_id":"gone","$set":{}})"}) {
      const absl::Status status = on_line(line);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  };
  const mixpanel::RawExport filtered = FilterEvents(raw_export, {"y"}, deleted, left_out);
  EXPECT_TRUE(filtered({},
                       [&](std::string_view line) {
                         lines.emplace_back(line);
                         return absl::OkStatus();
                       },
                       {})
                  .ok());
  EXPECT_THAT(lines,
              ElementsAre(R"({"event":"e","properties":{"distinct_id":"here"}})", "no record"));
  EXPECT_EQ(left_out, 3);
}

// Pages of these sizes, whose profiles are called "0", "1", ...
class NumberedPages final : public mixpanel::ProfilePages {
 public:
  explicit NumberedPages(std::vector<int> sizes) : sizes_(std::move(sizes)) {}
  absl::StatusOr<std::vector<mixpanel::Profile>> Next(std::stop_token) override {
    std::vector<mixpanel::Profile> page;
    if (at_ == sizes_.size()) return page;
    for (int i = 0; i < sizes_[at_]; ++i) page.push_back({.distinct_id = std::to_string(next_++)});
    ++at_;
    return page;
  }
  uint64_t total() const override { return next_; }

 private:
  const std::vector<int> sizes_;
  size_t at_ = 0;
  uint64_t next_ = 0;
};

TEST_F(DeletedIdsTest, APageWithoutOthersIsNotTheEnd) {
  DeletedIds deleted = *DeletedIds::Open(kept_);
  ASSERT_TRUE(deleted.Add({"1", "2", "3"}).ok());
  std::atomic<uint64_t> left_out = 0;
  const auto pages =
      FilterProfiles(std::make_unique<NumberedPages>(std::vector<int>{2, 1, 2}), deleted, left_out);
  std::vector<std::string> ids;
  for (;;) {
    const auto page = *pages->Next({});
    if (page.empty()) break;
    for (const auto& profile : page) ids.push_back(profile.distinct_id);
  }
  EXPECT_THAT(ids, ElementsAre("0", "4"));
  EXPECT_EQ(pages->total(), 2);
  EXPECT_EQ(left_out, 3);
}

}  // namespace
}  // namespace millrace
