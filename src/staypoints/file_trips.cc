#include "staypoints/file_trips.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "base/status.h"

namespace millrace {
namespace {

class FileTrips : public TripSource {
 public:
  FileTrips(std::vector<std::string> inputs, TripColumnRefs columns, StoreOptions options)
      : inputs_(std::move(inputs)),
        columns_(std::make_shared<const TripColumnRefs>(std::move(columns))),
        options_(std::move(options)) {}

  absl::StatusOr<std::vector<TripFile>> List() override {
    std::vector<TripFile> files;
    absl::flat_hash_set<std::string> seen;
    for (const std::string& input : inputs_) {
      ASSIGN_OR_RETURN(auto store, OpenStore(input, options_));
      stores_.push_back(std::move(store));
      RETURN_IF_ERROR(stores_.back()->List(input, [&](const ObjectInfo& object) {
        if (seen.insert(object.uri).second) {
          files.push_back({stores_.back().get(), object, columns_, nullptr, {}});
        }
        return absl::OkStatus();
      }));
    }
    return files;
  }

  std::vector<std::string> patterns() const override { return inputs_; }

 private:
  const std::vector<std::string> inputs_;
  const std::shared_ptr<const TripColumnRefs> columns_;
  const StoreOptions options_;
  std::vector<std::unique_ptr<ObjectStore>> stores_;
};

}  // namespace

std::unique_ptr<TripSource> NewFileTrips(std::vector<std::string> inputs, TripColumnRefs columns,
                                         StoreOptions stores) {
  return std::make_unique<FileTrips>(std::move(inputs), std::move(columns), std::move(stores));
}

}  // namespace millrace
