#include "stores/cloud_writer.h"

#include <algorithm>
#include <utility>

#include "base/byte_buffer.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

// S3 accepts 10,000 parts: their size grows, so that an object may have half a terabyte.
constexpr uint64_t kPartsOfOneSize = 2000;
constexpr uint64_t kMaxDoublings = 5;

class CloudWriter : public ObjectWriter {
 public:
  CloudWriter(std::shared_ptr<CloudService> service, CloudUri uri, std::stop_token stop)
      : service_(std::move(service)), uri_(std::move(uri)), stop_(std::move(stop)) {}

  ~CloudWriter() override {
    if (upload_ != nullptr) upload_->Abandon();
  }

  absl::Status Append(std::string_view bytes) override {
    while (!bytes.empty()) {
      if (part_.size() == PartSize()) RETURN_IF_ERROR(Name(SendPart()));
      const std::string_view fitting = bytes.substr(0, PartSize() - part_.size());
      part_.Append(fitting);
      bytes.remove_prefix(fitting.size());
    }
    return absl::OkStatus();
  }

  absl::Status Finish() override {
    if (upload_ == nullptr) {
      return Name(service_->Put(uri_.bucket, uri_.key, part_.view(), stop_));
    }
    RETURN_IF_ERROR(Name(upload_->Complete(part_.view())));
    upload_ = nullptr;
    return absl::OkStatus();
  }

 private:
  size_t PartSize() const {
    return CloudService::kPartUnit << std::min(parts_ / kPartsOfOneSize, kMaxDoublings);
  }

  absl::Status SendPart() {
    if (upload_ == nullptr) {
      ASSIGN_OR_RETURN(upload_, service_->StartUpload(uri_.bucket, uri_.key, stop_));
    }
    RETURN_IF_ERROR(upload_->AddPart(part_.view()));
    part_.clear();
    ++parts_;
    return absl::OkStatus();
  }

  absl::Status Name(const absl::Status& status) const {
    return Annotate(status, StrCat("writing ", uri_.root, uri_.key));
  }

  const std::shared_ptr<CloudService> service_;
  const CloudUri uri_;
  const std::stop_token stop_;
  ByteBuffer part_;
  uint64_t parts_ = 0;              // sent
  std::unique_ptr<Upload> upload_;  // once there is more than one part
};

}  // namespace

std::unique_ptr<ObjectWriter> NewCloudWriter(std::shared_ptr<CloudService> service, CloudUri uri,
                                             std::stop_token stop) {
  return std::make_unique<CloudWriter>(std::move(service), std::move(uri), std::move(stop));
}

}  // namespace millrace
