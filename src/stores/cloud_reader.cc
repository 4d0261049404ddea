#include "stores/cloud_reader.h"

#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "stores/read_ahead.h"

namespace millrace {
namespace {

class CloudReader : public ObjectReader {
 public:
  CloudReader(std::shared_ptr<CloudService> service, CloudUri uri, ObjectInfo object,
              std::stop_token stop)
      : service_(std::move(service)),
        uri_(std::move(uri)),
        object_(std::move(object)),
        listed_{uri_.key, object_.size, object_.version},
        ahead_(object_.size,
               [this](uint64_t offset, absl::Span<char> to, std::stop_token stop) {
                 return service_->Read(uri_.bucket, listed_, offset, to, std::move(stop));
               }),
        on_stop_(stop, Stop{&ahead_}),
        stop_(std::move(stop)) {}

  absl::Status ReadBeginning() {
    if (object_.size == 0) {  // no bytes to request
      return Explain(service_->Check(uri_.bucket, listed_, stop_));
    }
    char first = 0;
    return ReadAt(0, {&first, 1}).status();
  }

  const ObjectInfo& info() const override { return object_; }

  absl::StatusOr<size_t> ReadAt(uint64_t offset, absl::Span<char> to) override {
    absl::StatusOr<size_t> size = ahead_.ReadAt(offset, to);
    if (!size.ok()) return Explain(size.status());
    return size;
  }

  void WillRead(absl::Span<const ByteRange> ranges) override { ahead_.WillRead(ranges); }

  absl::Status CheckUnchanged() override { return absl::OkStatus(); }

 private:
  struct Stop {
    ReadAhead* ahead;
    void operator()() const { ahead->Stop(); }
  };

  absl::Status Explain(absl::Status status) const {
    if (absl::IsNotFound(status)) {
      status = absl::NotFoundError("it was removed or replaced since it was listed");
    }
    return Annotate(status, StrCat("reading ", object_.uri));
  }

  const std::shared_ptr<CloudService> service_;
  const CloudUri uri_;
  const ObjectInfo object_;
  const ListedKey listed_;
  ReadAhead ahead_;  // its threads end before the members above are destroyed
  const std::stop_callback<Stop> on_stop_;
  const std::stop_token stop_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ObjectReader>> OpenCloudReader(std::shared_ptr<CloudService> service,
                                                              CloudUri uri, ObjectInfo object,
                                                              std::stop_token stop) {
  auto reader = std::make_unique<CloudReader>(std::move(service), std::move(uri), std::move(object),
                                              std::move(stop));
  RETURN_IF_ERROR(reader->ReadBeginning());
  return reader;
}

}  // namespace millrace
