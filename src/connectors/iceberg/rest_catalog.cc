#include "connectors/iceberg/rest_catalog.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/iceberg/rest_client.h"
#include "iceberg/table_files.h"
#include "net/url.h"

namespace millrace::iceberg {
namespace {

using nlohmann::json;

// Of an object in `object`, or null.
json Member(const json& object, const char* name) {
  return object.is_object() ? object.value(name, json()) : json();
}

bool IsLoopback(std::string_view url) {
  const absl::StatusOr<Url> parsed = ParseUrl(url);
  return parsed.ok() && parsed->IsLoopback();
}

class RestCatalog final : public Catalog {
 public:
  RestCatalog(const IcebergSpec::Catalog& place, std::string table,
              std::unique_ptr<RestClient> client)
      : place_(place),
        name_(std::move(table)),
        table_(StrCat(place.url, " ", absl::StrJoin(place.name_space, "."), ".", name_)),
        is_local_(IsLoopback(place.url)),
        client_(std::move(client)) {}

  const std::string& table() const override { return table_; }

  absl::StatusOr<LoadedTable> Load(std::stop_token stop) override {
    ASSIGN_OR_RETURN(const std::string path, TablePath(stop));
    ASSIGN_OR_RETURN(const json response, Send("GET", path, "", stop));
    const json metadata = Member(response, "metadata"),
               file = Member(response, "metadata-location");
    if (!metadata.is_object() || !file.is_string()) {
      return absl::FailedPreconditionError(
          StrCat(table_, ": the response has no metadata or no metadata-location"));
    }
    LoadedTable loaded{.text = metadata.dump(-1, ' ', false, json::error_handler_t::replace),
                       .file = file.get<std::string>()};
    absl::StatusOr<IcebergMetadata> parsed = ParseIcebergMetadata(loaded.text);
    if (!parsed.ok()) return Annotate(parsed.status(), table_);
    loaded.metadata = *std::move(parsed);
    const std::string location = NormalLocation(loaded.metadata.location);
    if (!is_local_ && location.find("://") == std::string::npos) {
      return absl::FailedPreconditionError(
          StrCat(table_, " is at ", location, " on the catalog's own disk, not in a bucket"));
    }
    return loaded;
  }

  absl::Status Create(const NewTable& table, std::stop_token stop) override {
    ASSIGN_OR_RETURN(const std::string space, NamespacePath(stop));
    const std::string request = CreateRequestOf(table, name_);
    absl::Status created = Send("POST", space + "/tables", request, stop).status();
    if (absl::IsNotFound(created)) {
      RETURN_IF_ERROR(CreateNamespace(stop));
      created = Send("POST", space + "/tables", request, stop).status();
    }
    return absl::IsAlreadyExists(created) ? absl::OkStatus() : created;
  }

  absl::Status Change(const LoadedTable& base, const TableChange& change,
                      std::stop_token stop) override {
    ASSIGN_OR_RETURN(const std::string path, TablePath(stop));
    ASSIGN_OR_RETURN(const std::string request, CommitRequestOf(base.metadata, change));
    const absl::Status changed = Send("POST", path, request, stop).status();
    if (absl::IsAlreadyExists(changed)) return absl::AbortedError(changed.message());
    if (!absl::IsInvalidArgument(changed)) return changed;
    // Some catalogs answer 400 if a commit to another branch has taken the sequence number.
    ASSIGN_OR_RETURN(const LoadedTable now, Load(stop));
    return now.file == base.file ? changed : absl::AbortedError(changed.message());
  }

  absl::Status Publish(const LoadedTable& /*table*/, std::stop_token /*stop*/) override {
    return absl::OkStatus();
  }

  absl::Status Drop(std::stop_token stop) override {
    ASSIGN_OR_RETURN(const std::string path, TablePath(stop));
    const absl::Status dropped = Send("DELETE", path + "?purgeRequested=true", "", stop).status();
    return absl::IsNotFound(dropped) ? absl::OkStatus() : dropped;
  }

 private:
  absl::StatusOr<json> Send(std::string_view method, const std::string& path, std::string_view body,
                            const std::stop_token& stop) {
    absl::StatusOr<json> response = client_->Send(method, path, body, stop);
    if (!response.ok()) return Annotate(response.status(), table_);
    return response;
  }

  // "/v1/PREFIX", which the catalog's configuration may set.
  absl::StatusOr<std::string> Prefix(const std::stop_token& stop) {
    absl::MutexLock lock(&mutex_);
    if (prefix_) return *prefix_;
    const std::string path = place_.warehouse.empty()
                                 ? std::string("/v1/config")
                                 : StrCat("/v1/config?warehouse=", UrlEncode(place_.warehouse));
    const absl::StatusOr<json> config = Send("GET", path, "", stop);
    if (absl::IsNotFound(config.status())) {
      return absl::FailedPreconditionError(StrCat(
          "the catalog ", place_.url, " has no such warehouse: ", config.status().message()));
    }
    RETURN_IF_ERROR(config.status());
    if (!config->is_object() || !(config->contains("defaults") || config->contains("overrides"))) {
      return absl::FailedPreconditionError(
          StrCat("there is no Iceberg catalog at ", place_.url, "/v1: check the URL"));
    }
    prefix_ = "/v1";
    for (const char* const part : {"overrides", "defaults"}) {
      const json prefix = Member(Member(*config, part), "prefix");
      if (!prefix.is_string() || prefix.get_ref<const std::string&>().empty()) continue;
      StrAppend(&*prefix_, "/", prefix.get_ref<const std::string&>());
      break;
    }
    return *prefix_;
  }

  absl::StatusOr<std::string> NamespacePath(const std::stop_token& stop) {
    ASSIGN_OR_RETURN(std::string path, Prefix(stop));
    path += "/namespaces/";
    for (size_t i = 0; i < place_.name_space.size(); ++i) {
      StrAppend(&path, i == 0 ? "" : "%1F", UrlEncode(place_.name_space[i]));
    }
    return path;
  }

  absl::StatusOr<std::string> TablePath(const std::stop_token& stop) {
    ASSIGN_OR_RETURN(const std::string space, NamespacePath(stop));
    return StrCat(space, "/tables/", UrlEncode(name_));
  }

  // With those above it.
  absl::Status CreateNamespace(const std::stop_token& stop) {
    ASSIGN_OR_RETURN(const std::string prefix, Prefix(stop));
    std::vector<std::string> levels;
    for (const std::string& level : place_.name_space) {
      levels.push_back(level);
      const std::string request =
          json({{"namespace", levels}, {"properties", json::object()}}).dump();
      const absl::Status created = Send("POST", prefix + "/namespaces", request, stop).status();
      if (!created.ok() && !absl::IsAlreadyExists(created)) return created;
    }
    return absl::OkStatus();
  }

  const IcebergSpec::Catalog place_;
  const std::string name_;
  const std::string table_;
  const bool is_local_;  // the catalog is on this machine
  const std::unique_ptr<RestClient> client_;
  absl::Mutex mutex_;
  std::optional<std::string> prefix_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<Catalog>> NewRestCatalog(const IcebergSpec::Catalog& place,
                                                        std::string table,
                                                        const Environment& environment,
                                                        Clock& clock) {
  ASSIGN_OR_RETURN(std::unique_ptr<RestAuth> auth, NewRestAuth(place, environment, clock));
  return std::make_unique<RestCatalog>(place, std::move(table),
                                       std::make_unique<RestClient>(place.url, std::move(auth)));
}

}  // namespace millrace::iceberg
