#include "reconcile/confirmed_objects.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/strings.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

TEST(InputNames, FilesFoldersAndGlobs) {
  const std::string folder =
      fs::canonical(testing::TempDir()).string() + StrCat("/input_names_test.", getpid());
  fs::create_directories(folder + "/in");
  fs::create_directory_symlink(folder + "/in", folder + "/link");
  const std::string file = folder + "/in/a b.ndjson";
  EXPECT_TRUE(InputNames(file, file));
  EXPECT_TRUE(InputNames(folder, file));
  EXPECT_TRUE(InputNames(folder + "/in/", file));
  EXPECT_TRUE(InputNames(folder + "/link", file));
  EXPECT_TRUE(InputNames(folder + "/link/*.ndjson", file));
  EXPECT_TRUE(InputNames(folder + "/in/../in/a b.ndjson", file));
  EXPECT_TRUE(InputNames(folder + "/**/*.ndjson", file));
  EXPECT_TRUE(InputNames(StrCat("file://", folder, "/in/a%20b.ndjson"), file));
  EXPECT_FALSE(InputNames(folder + "/i", file));
  EXPECT_FALSE(InputNames(folder + "/*.ndjson", file));
  EXPECT_FALSE(InputNames(folder + "/other", file));
  EXPECT_FALSE(InputNames(file + "x", file));
  fs::remove_all(folder);
  EXPECT_TRUE(InputNames(file, file)) << "also if it no longer exists";
  EXPECT_TRUE(InputNames(folder, file));
}

TEST(InputNames, RelativePathsAreInTheWorkingFolder) {
  const std::string here = fs::current_path().string();
  EXPECT_TRUE(InputNames("a.ndjson", fs::weakly_canonical(here).string() + "/a.ndjson"));
  EXPECT_TRUE(InputNames("*.ndjson", fs::weakly_canonical(here).string() + "/a.ndjson"));
  EXPECT_TRUE(InputNames(".", fs::weakly_canonical(here).string() + "/a.ndjson"));
}

TEST(InputNames, ObjectStores) {
  EXPECT_TRUE(InputNames("gs://bucket/in", "gs://bucket/in/a.ndjson"));
  EXPECT_TRUE(InputNames("gs://bucket/in/*.ndjson", "gs://bucket/in/a.ndjson"));
  EXPECT_FALSE(InputNames("gs://bucket/i", "gs://bucket/in/a.ndjson"));
}

}  // namespace
}  // namespace millrace
