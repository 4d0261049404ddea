#include "staypoints/file_trips.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "base/status.h"
#include "io/table_folder.h"

namespace millrace {
namespace {

class FileTrips : public TripSource {
 public:
  FileTrips(std::vector<std::string> inputs, TripColumnRefs columns, StoreOptions options,
            bool as_files)
      : inputs_(std::move(inputs)),
        columns_(std::make_shared<const TripColumnRefs>(std::move(columns))),
        options_(std::move(options)),
        as_files_(as_files) {}

  absl::StatusOr<std::vector<TripFile>> List() override {
    std::vector<TripFile> files;
    absl::flat_hash_set<std::string> seen;
    for (const std::string& input : inputs_) {
      ASSIGN_OR_RETURN(auto store, OpenStore(input, options_));
      stores_.push_back(std::move(store));
      TableGuard tables(*stores_.back(), input, as_files_);
      const auto visit = [&](const ObjectInfo& object) -> absl::Status {
        RETURN_IF_ERROR(tables.OnObject(object));
        if (seen.insert(object.uri).second) {
          files.push_back({stores_.back().get(), object, columns_, nullptr, {}});
        }
        return absl::OkStatus();
      };
      RETURN_IF_ERROR(stores_.back()->List(input, visit, [&](std::string_view uri) -> absl::Status {
        RETURN_IF_ERROR(tables.OnHidden(uri));
        ++hidden_;
        return absl::OkStatus();
      }));
    }
    return files;
  }

  std::vector<std::string> patterns() const override { return inputs_; }
  uint64_t hidden() const override { return hidden_; }

 private:
  const std::vector<std::string> inputs_;
  const std::shared_ptr<const TripColumnRefs> columns_;
  const StoreOptions options_;
  const bool as_files_;
  uint64_t hidden_ = 0;
  std::vector<std::unique_ptr<ObjectStore>> stores_;
};

}  // namespace

std::unique_ptr<TripSource> NewFileTrips(std::vector<std::string> inputs, TripColumnRefs columns,
                                         StoreOptions stores, bool as_files) {
  return std::make_unique<FileTrips>(std::move(inputs), std::move(columns), std::move(stores),
                                     as_files);
}

}  // namespace millrace
