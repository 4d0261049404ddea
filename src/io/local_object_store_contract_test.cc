#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "io/object_store.h"
#include "io/testing/object_store_contract.h"

namespace millrace {
namespace {

class LocalFixture : public ObjectStoreFixture {
 public:
  LocalFixture() {
    std::string pattern = testing::TempDir() + "millrace-contract-XXXXXX";
    folder_ = std::filesystem::canonical(::mkdtemp(pattern.data())).string();
  }
  ~LocalFixture() override { std::filesystem::remove_all(folder_); }

  ObjectStore& store() override { return *store_; }
  std::string root() override { return folder_ + "/"; }
  bool pins_reads() override { return false; }
  bool names_are_paths() override { return true; }

 private:
  std::string folder_;
  const std::unique_ptr<ObjectStore> store_ = NewLocalObjectStore();
};

std::unique_ptr<ObjectStoreFixture> MakeLocalFixture(std::string&) {
  return std::make_unique<LocalFixture>();
}

INSTANTIATE_TEST_SUITE_P(Local, ObjectStoreContract, testing::Values(&MakeLocalFixture));

}  // namespace
}  // namespace millrace
