#include "stores/cloud_store.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "io/glob.h"
#include "stores/cloud_reader.h"
#include "stores/cloud_writer.h"
#include "stores/key_filter.h"

namespace millrace {
namespace {

// The marker that Hadoop's older file systems leave beside a folder. (Names with a final '/' are
// never accepted.)
bool IsFolderMarker(const ListedKey& key) {
  return key.size == 0 && key.key.ends_with("_$folder$");
}

// Visits the objects of one bucket that a pattern matches, with one page in memory at a time.
class Listing {
 public:
  Listing(CloudService& service, const CloudUri& uri, const ObjectStore::Visitor& visitor,
          const ObjectStore::HiddenVisitor& hidden, std::stop_token stop)
      : service_(service), uri_(uri), visitor_(visitor), hidden_(hidden), stop_(std::move(stop)) {}

  absl::Status All(KeyFilter filter) {
    ListQuery query{.prefix = filter.prefix()};
    for (;;) {
      ASSIGN_OR_RETURN(const ListPage page, service_.List(uri_.bucket, query, stop_));
      for (const ListedKey& key : page.keys) {
        if (key.key < query.start || IsFolderMarker(key)) continue;
        if (filter.Accepts(key.key)) {
          RETURN_IF_ERROR(Visit(key));
        } else if (hidden_ && !filter.hidden().empty()) {
          RETURN_IF_ERROR(hidden_(StrCat(uri_.root, filter.hidden())));
        }
      }
      if (page.next_token.empty()) return absl::OkStatus();
      query.token = page.next_token;
      // Folders in which nothing matches are skipped instead of listed page by page. After a page
      // without new keys, its token is used, or the listing would start there again forever.
      std::string next = filter.NextPossible();
      if (next > query.start && service_.starts_anywhere()) {
        query.start = std::move(next);
        query.token.clear();
      }
    }
  }

  absl::Status Visit(const ListedKey& key) {
    found_ = true;
    return visitor_({uri_.root + key.key, key.size, key.version});
  }

  bool found() const { return found_; }

 private:
  CloudService& service_;
  const CloudUri& uri_;
  const ObjectStore::Visitor& visitor_;
  const ObjectStore::HiddenVisitor& hidden_;
  const std::stop_token stop_;
  bool found_ = false;
};

class CloudStore : public ObjectStore {
 public:
  CloudStore(std::shared_ptr<CloudService> service, std::stop_token stop)
      : service_(std::move(service)), stop_(std::move(stop)) {}

  absl::Status List(std::string_view pattern, const Visitor& visitor,
                    const HiddenVisitor& hidden) override {
    ASSIGN_OR_RETURN(const CloudUri uri, service_->Parse(pattern));
    if (HasWildcard(uri.root)) {
      return absl::InvalidArgumentError(
          StrCat(pattern, ": the bucket must be named; wildcards are allowed only after it"));
    }
    absl::Status visited;  // errors of the visitor are returned unchanged
    const Visitor guarded = [&](const ObjectInfo& object) { return visited = visitor(object); };
    HiddenVisitor guarded_hidden;
    if (hidden) guarded_hidden = [&](std::string_view name) { return visited = hidden(name); };
    Listing listing(*service_, uri, guarded, guarded_hidden, stop_);
    const absl::Status listed = ListUri(uri, listing);
    if (!visited.ok()) return visited;
    RETURN_IF_ERROR(Annotate(listed, StrCat("listing ", pattern)));
    if (!listing.found()) return absl::NotFoundError(StrCat("no object matches ", pattern));
    return absl::OkStatus();
  }

  absl::StatusOr<ObjectInfo> Find(std::string_view uri) override {
    ASSIGN_OR_RETURN(const CloudUri parsed, service_->Parse(uri));
    if (parsed.key.empty() || parsed.key.ends_with('/')) {
      return absl::NotFoundError(StrCat("'", uri, "' names no object"));
    }
    const absl::StatusOr<ListedKey> key = FindKey(parsed);
    if (!key.ok()) return Annotate(key.status(), StrCat("looking for ", uri));
    return ObjectInfo{std::string(uri), key->size, key->version};
  }

  absl::StatusOr<std::unique_ptr<ObjectReader>> Open(const ObjectInfo& object) override {
    ASSIGN_OR_RETURN(CloudUri uri, ParseObject(object.uri));
    return OpenCloudReader(service_, std::move(uri), object, stop_);
  }

  absl::StatusOr<std::unique_ptr<ObjectWriter>> Create(std::string_view uri) override {
    ASSIGN_OR_RETURN(CloudUri parsed, ParseObject(uri));
    return NewCloudWriter(service_, std::move(parsed), stop_);
  }

  absl::Status Remove(std::string_view uri) override {
    ASSIGN_OR_RETURN(const CloudUri parsed, ParseObject(uri));
    return Annotate(service_->Remove(parsed.bucket, parsed.key, stop_), StrCat("removing ", uri));
  }

  absl::Status Move(std::string_view from, std::string_view to) override {
    ASSIGN_OR_RETURN(const CloudUri source, ParseObject(from));
    ASSIGN_OR_RETURN(const CloudUri target, ParseObject(to));
    const std::string moving = StrCat("moving ", from, " to ", to);
    if (source.bucket != target.bucket) {
      return absl::InvalidArgumentError(StrCat(moving, ": they are in different buckets"));
    }
    return Annotate(MoveKey(source, target.key), moving);
  }

  absl::Status CreateIfAbsent(std::string_view uri, std::string_view content) override {
    ASSIGN_OR_RETURN(const CloudUri parsed, ParseObject(uri));
    return Annotate(service_->PutIfAbsent(parsed.bucket, parsed.key, content, stop_),
                    StrCat("creating ", uri));
  }

  absl::StatusOr<size_t> RemoveUnfinished(std::string_view folder,
                                          const UriFilter& filter) override {
    ASSIGN_OR_RETURN(const CloudUri uri, service_->Parse(folder));
    // Of all pages before one is removed, because a page may begin after one. If a page fails, at
    // least those of the pages before are removed.
    std::vector<OpenUpload> found;
    const absl::Status listed = FindUploads(uri, filter, found);
    for (const OpenUpload& upload : found) {
      RETURN_IF_ERROR(Annotate(service_->AbandonUpload(uri.bucket, upload, stop_),
                               StrCat("removing an unfinished upload of ", uri.root, upload.key)));
    }
    RETURN_IF_ERROR(Annotate(listed, StrCat("listing unfinished uploads below ", folder)));
    return found.size();
  }

 private:
  absl::Status FindUploads(const CloudUri& folder, const UriFilter& filter,
                           std::vector<OpenUpload>& found) const {
    OpenUpload from;
    for (;;) {
      ASSIGN_OR_RETURN(UploadPage page,
                       service_->ListUploads(folder.bucket, folder.key, from, stop_));
      for (OpenUpload& upload : page.uploads) {
        const bool is_below = upload.key.starts_with(folder.key);
        if (is_below && filter(folder.root + upload.key)) found.push_back(std::move(upload));
      }
      if (page.next.key.empty()) return absl::OkStatus();
      if (page.next == from) return absl::UnavailableError("the service repeats a page");
      from = std::move(page.next);
    }
  }

  // A name that exists comes first: the object, the folder; then the glob.
  absl::Status ListUri(const CloudUri& uri, Listing& listing) const {
    const bool names_folder = uri.key.empty() || uri.key.ends_with('/');
    std::optional<ListedKey> empty;
    if (!names_folder) {
      absl::StatusOr<ListedKey> object = FindKey(uri);
      if (object.ok() && object->size > 0) return listing.Visit(*object);
      if (!object.ok() && !absl::IsNotFound(object.status())) return object.status();
      if (object.ok()) empty = *std::move(object);
    }
    RETURN_IF_ERROR(listing.All(KeyFilter::Below(names_folder ? uri.key : uri.key + "/")));
    if (listing.found()) return absl::OkStatus();
    if (empty) return listing.Visit(*empty);
    return HasWildcard(uri.key) ? listing.All(KeyFilter(uri.key)) : absl::OkStatus();
  }

  absl::Status MoveKey(const CloudUri& from, const std::string& to) const {
    ASSIGN_OR_RETURN(const ListedKey found, FindKey(from));
    if (from.key == to) return absl::OkStatus();
    RETURN_IF_ERROR(service_->Copy(from.bucket, found, to, stop_));
    return Annotate(service_->Remove(from.bucket, from.key, stop_), "removing it after the copy");
  }

  // NotFound if there is none.
  absl::StatusOr<ListedKey> FindKey(const CloudUri& uri) const {
    absl::StatusOr<ListedKey> found = service_->Stat(uri.bucket, uri.key, stop_);
    const absl::Status& status = found.status();
    const bool is_clear = status.ok() || absl::IsNotFound(status) || absl::IsUnavailable(status) ||
                          absl::IsCancelled(status) || absl::IsUnauthenticated(status);
    if (is_clear) return found;
    // Errors of HEAD have no text, and users who may not list are also denied objects that do not
    // exist: a listing shows which case it is.
    ListQuery query{.prefix = uri.key, .max = 1};
    do {
      ASSIGN_OR_RETURN(ListPage page, service_->List(uri.bucket, query, stop_));
      if (!page.keys.empty()) {
        if (page.keys.front().key == uri.key) return std::move(page.keys.front());
        break;
      }
      query.token = page.next_token;
    } while (!query.token.empty());
    return absl::NotFoundError("no such object");
  }

  absl::StatusOr<CloudUri> ParseObject(std::string_view uri) const {
    ASSIGN_OR_RETURN(CloudUri parsed, service_->Parse(uri));
    if (parsed.key.empty() || parsed.key.ends_with('/')) {
      return absl::InvalidArgumentError(StrCat("'", uri, "' names no object"));
    }
    return parsed;
  }

  const std::shared_ptr<CloudService> service_;
  const std::stop_token stop_;
};

}  // namespace

std::unique_ptr<ObjectStore> NewCloudStore(std::shared_ptr<CloudService> service,
                                           std::stop_token stop) {
  return std::make_unique<CloudStore>(std::move(service), std::move(stop));
}

}  // namespace millrace
