#include "data_files/store_check.h"

#include <unistd.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "base/status.h"
#include "base/strings.h"
#include "io/worker_id.h"

namespace millrace::data_files {

void CheckStore(FileStore& store, std::string_view page, std::vector<AccessCheck>& checks,
                bool in_place) {
  const std::string name = store.StagedFolder(CurrentWorkerTag()), folder = store.Uri(name);
  const std::string from = folder + "check-written", to = folder + "check-moved";
  const auto add = [&](std::string_view what, const absl::Status& status) {
    checks.push_back({StrCat(what, " below ", store.folder()), status,
                      status.ok() ? std::string()
                                  : StrCat("let this account create, read, list and delete ",
                                           "objects there (", page, ")")});
    return status.ok();
  };
  const std::string local = store.local_folder();
  std::error_code error;
  const bool existed = !local.empty() && std::filesystem::exists(local, error);
  ObjectStore& objects = store.objects();
  const auto create_once = [&]() -> absl::Status {
    const absl::Status again = objects.CreateIfAbsent(to, "millrace");
    if (absl::IsAlreadyExists(again)) return absl::OkStatus();
    if (!again.ok()) return again;
    return absl::FailedPreconditionError(
        "an object was replaced that must only be created: commits need If-None-Match");
  };
  if (!add("writing", store.Write(name + "check-written", "millrace")) ||
      !add("reading", objects.Find(from).status()))
    return;
  if (!in_place && add("moving", objects.Move(from, to))) {
    add("creating only what is absent", create_once());
  }
  add("listing", objects.List(folder, [](const ObjectInfo&) { return absl::OkStatus(); }));
  add("deleting", objects.Remove(in_place ? from : to));
  objects.Remove(from).IgnoreError();
  if (local.empty()) return;
  // What was made for this, if it is empty.
  ::rmdir(folder.c_str());
  for (const char* made : {"_millrace/staged", "_millrace"}) ::rmdir((local + made).c_str());
  if (!existed) ::rmdir(local.c_str());
}

}  // namespace millrace::data_files
