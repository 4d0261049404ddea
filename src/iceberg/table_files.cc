#include "iceberg/table_files.h"

#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "io/decompress.h"

namespace millrace {
namespace {

bool IsMissing(const absl::Status& status) {
  // A store that this program cannot open or access is not searched for a file.
  return status.code() == absl::StatusCode::kNotFound ||
         status.code() == absl::StatusCode::kUnimplemented;
}

std::string_view SchemeOf(std::string_view location) {
  const size_t end = location.find("://");
  return end == location.npos ? "" : location.substr(0, end);
}

}  // namespace

absl::StatusOr<StoredObject> FindObject(const StoreFor& store_for, const std::string& uri) {
  StoredObject object;
  ASSIGN_OR_RETURN(object.store, store_for(uri));
  ASSIGN_OR_RETURN(object.info, object.store->Find(uri));
  return object;
}

absl::Status ReadObject(const StoredObject& object,
                        const std::function<absl::Status(InputStream&)>& read) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ObjectReader> reader, object.store->Open(object.info));
  ASSIGN_OR_RETURN(const std::unique_ptr<InputStream> stream,
                   NewDecompressingStream(NewObjectStream(*reader)));
  RETURN_IF_ERROR(read(*stream));
  return reader->CheckUnchanged();
}

std::string NormalLocation(std::string_view location) {
  constexpr std::pair<std::string_view, std::string_view> kSchemes[] = {
      {"s3a://", "s3://"}, {"s3n://", "s3://"}, {"abfss://", "abfs://"}};
  std::string normal(location);
  for (const auto& [from, to] : kSchemes) {
    if (location.starts_with(from)) normal = StrCat(to, location.substr(from.size()));
  }
  // file:/t (as Hadoop writes it), file:///t, and file://localhost/t are the path /t.
  if (location.starts_with("file:")) {
    std::string_view path = location.substr(5);
    if (path.starts_with("//localhost/")) path.remove_prefix(11);
    while (path.starts_with("//")) path.remove_prefix(1);
    normal = std::string(path);
  }
  while (normal.size() > 1 && normal.back() == '/') normal.pop_back();
  return normal;
}

TableFiles::TableFiles(StoreFor store_for, std::string folder, std::string_view location)
    : store_for_(std::move(store_for)),
      folder_(NormalLocation(folder)),
      location_(NormalLocation(location)),
      is_moved_(SchemeOf(folder_) != SchemeOf(location_)) {}

std::string TableFiles::Moved(const std::string& path) const {
  if (folder_ == location_ || location_.empty() || !path.starts_with(location_ + "/")) return "";
  const std::string below = path.substr(location_.size());
  // A path that leaves the table's folder does not belong to the table.
  if (StrCat(below, "/").find("/../") != std::string::npos) return "";
  return folder_ + below;
}

absl::StatusOr<StoredObject> TableFiles::Find(std::string_view path) {
  const std::string written = NormalLocation(path);
  const std::string moved = Moved(written);
  if (moved.empty()) return FindObject(store_for_, written);
  absl::StatusOr<StoredObject> first = FindObject(store_for_, is_moved_ ? moved : written);
  if (first.ok() || !IsMissing(first.status())) return first;
  absl::StatusOr<StoredObject> second = FindObject(store_for_, is_moved_ ? written : moved);
  if (second.ok()) is_moved_ = !is_moved_;
  if (second.ok() || !IsMissing(second.status())) return second;
  return absl::NotFoundError(StrCat("neither ", written, " nor ", moved,
                                    " exists (the table was found below ", folder_, ")"));
}

}  // namespace millrace
