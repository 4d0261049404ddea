#include "stores/cloud_store.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "io/glob.h"
#include "stores/cloud_reader.h"
#include "stores/cloud_writer.h"
#include "stores/key_filter.h"

namespace millrace {
namespace {

// Visits the objects of one bucket that a pattern names, a page in memory at a time.
class Listing {
 public:
  Listing(CloudService& service, const CloudUri& uri, const ObjectStore::Visitor& visitor,
          const ObjectStore::HiddenVisitor& hidden, std::stop_token stop)
      : service_(service), uri_(uri), visitor_(visitor), hidden_(hidden), stop_(std::move(stop)) {}

  // The object that has the pattern as its name, if there is one.
  absl::Status Exact() {
    ASSIGN_OR_RETURN(const ListPage page,
                     service_.List(uri_.bucket, {.prefix = uri_.key, .most = 1}, stop_));
    if (page.keys.empty() || page.keys.front().key != uri_.key) return absl::OkStatus();
    return Visit(page.keys.front());
  }

  absl::Status All(std::string_view pattern) {
    KeyFilter filter(pattern);
    ListQuery query{.prefix = filter.prefix()};
    for (;;) {
      ASSIGN_OR_RETURN(const ListPage page, service_.List(uri_.bucket, query, stop_));
      for (const ListedKey& key : page.keys) {
        if (key.key < query.start) continue;
        if (filter.Accepts(key.key)) {
          RETURN_IF_ERROR(Visit(key));
        } else if (hidden_ && !filter.hidden().empty()) {
          RETURN_IF_ERROR(hidden_(StrCat(uri_.root, filter.hidden())));
        }
      }
      if (page.next_token.empty()) return absl::OkStatus();
      query.token = page.next_token;
      // Folders below which nothing is named are not listed page by page.
      std::string next = filter.NextPossible();
      if (!next.empty() && service_.starts_anywhere()) {
        query.start = std::move(next);
        query.token.clear();
      }
    }
  }

  bool found() const { return found_; }

 private:
  absl::Status Visit(const ListedKey& key) {
    found_ = true;
    return visitor_({uri_.root + key.key, key.size, key.version});
  }

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
          StrCat(pattern, ": the bucket must be named; wildcards are for what is behind it"));
    }
    absl::Status visited;  // errors of the visitor come back as they are
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

 private:
  static absl::Status ListUri(const CloudUri& uri, Listing& listing) {
    if (uri.key.empty() || uri.key.ends_with('/')) return listing.All(uri.key);
    RETURN_IF_ERROR(listing.Exact());
    if (listing.found()) return absl::OkStatus();
    return listing.All(HasWildcard(uri.key) ? uri.key : uri.key + "/");
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
