#include "loads/load_bucket.h"

#include <algorithm>
#include <stop_token>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "base/strings.h"
#include "data_files/uri_options.h"
#include "stores/open_store.h"

namespace millrace::loads {
namespace {

constexpr size_t kFileBytes = size_t{128} << 20;
constexpr size_t kMaxFileBytes = size_t{3800} << 20;  // BigQuery takes 4 GB of compressed JSON

// "bigquery/project/dataset/events/". Warehouses skip files in folders that begin with '_' or '.'.
std::string FolderOf(std::string_view ledger_name) {
  const size_t scheme = ledger_name.find("://");
  std::string folder(ledger_name.substr(0, scheme == std::string_view::npos ? 0 : scheme));
  ledger_name.remove_prefix(folder.size() + (folder.empty() ? 0 : 1));
  if (!folder.empty()) folder += '/';
  bool begins = true;
  for (const char c : ledger_name) {
    if (c == '/') {
      if (!begins) folder += '/';
      begins = true;
      continue;
    }
    const bool is_plain = absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' ||
                          (!begins && (c == '_' || c == '.'));
    if (is_plain) {
      folder += c;
    } else {
      absl::StrAppendFormat(&folder, "=%02X", static_cast<unsigned char>(c));
    }
    begins = false;
  }
  return folder + "/";
}

}  // namespace

absl::StatusOr<std::optional<LoadBucket>> TakeLoadBucket(
    UriQuery& query, absl::Span<const std::string_view> schemes) {
  const std::optional<std::string> uri = query.Take("bucket");
  if (!uri) return std::nullopt;
  if (std::find(schemes.begin(), schemes.end(), SchemeOf(*uri)) == schemes.end()) {
    std::string forms;
    for (const std::string_view scheme : schemes) {
      StrAppend(&forms, forms.empty() ? "" : " or ", scheme, "://bucket/folder/");
    }
    return absl::InvalidArgumentError(
        StrCat("bucket is a folder that the warehouse reads: ", forms));
  }
  LoadBucket bucket;
  ASSIGN_OR_RETURN(bucket.root, data_files::RootOf(*uri));
  ASSIGN_OR_RETURN(bucket.file_bytes, data_files::TakeFileBytes(query, kFileBytes));
  if (bucket.file_bytes > kMaxFileBytes) {
    return absl::InvalidArgumentError("file_size of files to load is at most 3800 megabytes");
  }
  return bucket;
}

data_files::FileLayout LoadLayout(const LoadBucket& bucket, const Dialect& dialect) {
  data_files::FileLayout layout;
  layout.format = data_files::FileFormat::kNdjsonGz;
  layout.file_bytes = bucket.file_bytes;
  layout.dialect = dialect;
  layout.quotes_large_integers = true;
  return layout;
}

absl::StatusOr<std::unique_ptr<data_files::FileStore>> OpenLoadStore(
    const LoadBucket& bucket, std::string_view ledger_name, const Environment& environment) {
  const auto open = [root = bucket.root, environment](std::stop_token stop) {
    return OpenStore(root, {.environment = environment, .stop = std::move(stop)});
  };
  RETURN_IF_ERROR(open({}).status());
  return std::make_unique<data_files::FileStore>(
      bucket.root + FolderOf(ledger_name),
      [open](std::stop_token stop) {
        auto store = open(std::move(stop));
        return store.ok() ? *std::move(store) : nullptr;
      },
      /*hidden=*/"");
}

}  // namespace millrace::loads
