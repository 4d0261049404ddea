#include "export/identity_store.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "export/window_file.h"
#include "io/temp_folder.h"

namespace millrace {
namespace {

class IdentityStoreTest : public testing::Test {
 protected:
  // What is read after these lines were written.
  absl::Status LoadLines(const std::vector<std::string>& lines) {
    ZstdEncoder encoder(kWindowFileLevel);
    auto file = *WindowFileWriter::Create(path_, encoder);
    for (const std::string& line : lines) EXPECT_TRUE(file->Append(line).ok());
    EXPECT_TRUE(file->Finish().ok());
    IdentityGraph graph(10);
    return LoadIdentities(path_, graph).status();
  }

  const std::unique_ptr<TempFolder> folder_ = *TempFolder::Make(testing::TempDir(), "identities");
  const std::string path_ = folder_->path() + "/ids";
};

TEST_F(IdentityStoreTest, KeepsEverything) {
  IdentityGraph graph(10);
  EXPECT_TRUE(absl::IsNotFound(LoadIdentities(path_, graph).status()));
  ASSERT_TRUE(graph.Link({"é\"\n"}, {"u", IdentityClaim::kIdentified}, -5).ok());
  ASSERT_TRUE(graph.Link({"x"}, {"y", IdentityClaim::kChosen}, 1'796'000'000'000).ok());
  ASSERT_TRUE(graph.Claim("$device:d", "v", INT64_MAX).ok());
  const IdentityDays days = {absl::CivilDay(2026, 1, 1), absl::CivilDay(2026, 11, 25)};
  ASSERT_TRUE(SaveIdentities(path_, days, graph).ok());
  IdentityGraph loaded(10);
  const auto found = LoadIdentities(path_, loaded);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->since, days.since);
  EXPECT_EQ(found->read_until, days.read_until);
  ASSERT_EQ(loaded.size(), graph.size());
  for (uint32_t i = 0; i < graph.size(); ++i) {
    EXPECT_EQ(loaded.IdOf(i), graph.IdOf(i));
    EXPECT_EQ(loaded.ResolvedOf(i), graph.ResolvedOf(i));
  }
  EXPECT_TRUE(absl::IsResourceExhausted([&] {
    IdentityGraph small(3);
    return LoadIdentities(path_, small).status();
  }()));
}

TEST_F(IdentityStoreTest, ADamagedFileIsNotUsed) {
  const std::string head = R"({"since":"2026-01-01","read_until":"2026-01-02","ids":1})";
  EXPECT_TRUE(LoadLines({head, R"(["a",0,0,5])"}).ok());
  for (const std::vector<std::string>& lines :
       std::vector<std::vector<std::string>>{{},
                                             {head},
                                             {head, R"(["a",0,0,5])", R"(["b",1,0,5])"},
                                             {head, R"(["a",1,0,5])"},
                                             {head, R"(["a",0,9,5])"},
                                             {head, R"(["a",0,0])"},
                                             {head, "{"},
                                             {R"({"since":"x","read_until":"2026-01-02","ids":0})"},
                                             {R"(["a",0,0,5])"}}) {
    EXPECT_TRUE(absl::IsDataLoss(LoadLines(lines)));
  }
  IdentityGraph graph(10);
  ASSERT_TRUE(graph.Link({"a"}, {"b"}, 1).ok());
  ASSERT_TRUE(SaveIdentities(path_, {}, graph).ok());
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) - 3);
  IdentityGraph cut(10);
  EXPECT_TRUE(absl::IsDataLoss(LoadIdentities(path_, cut).status()));
}

}  // namespace
}  // namespace millrace
