#include "export/export_filter.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "connectors/mixpanel/event_properties.h"

namespace millrace {
namespace {

constexpr std::string_view kMember = "mixpanel_cohort_member";

class FilteredPages final : public mixpanel::ProfilePages {
 public:
  FilteredPages(std::unique_ptr<mixpanel::ProfilePages> pages, const DeletedIds& deleted,
                std::atomic<uint64_t>& left_out)
      : pages_(std::move(pages)), deleted_(deleted), left_out_(left_out) {}

  absl::StatusOr<std::vector<mixpanel::Profile>> Next(std::stop_token stop) override {
    for (;;) {
      ASSIGN_OR_RETURN(std::vector<mixpanel::Profile> page, pages_->Next(stop));
      if (page.empty()) return page;
      const size_t removed =
          std::erase_if(page, [this](const auto& profile) { return IsDeleted(profile); });
      removed_ += removed;
      left_out_ += removed;
      if (!page.empty()) return page;  // an empty one would be the end
    }
  }
  uint64_t total() const override { return pages_->total() - std::min(pages_->total(), removed_); }

 private:
  bool IsDeleted(const mixpanel::Profile& profile) const {
    std::string_view id = profile.distinct_id;
    if (profile.group_key == kMember) id.remove_prefix(id.find(':') + 1);
    return (profile.group_key.empty() || profile.group_key == kMember) && deleted_.Contains(id);
  }

  const std::unique_ptr<mixpanel::ProfilePages> pages_;
  const DeletedIds& deleted_;
  std::atomic<uint64_t>& left_out_;
  uint64_t removed_ = 0;
};

}  // namespace

mixpanel::RawExport FilterEvents(mixpanel::RawExport raw_export,
                                 std::vector<std::string> properties, const DeletedIds& deleted,
                                 std::atomic<uint64_t>& left_out) {
  if (properties.empty() && deleted.empty()) return raw_export;
  return
      [raw_export = std::move(raw_export), properties = std::move(properties), &deleted, &left_out](
          const mixpanel::RawExportRequest& request,
          const std::function<absl::Status(std::string_view)>& on_line, std::stop_token stop) {
        mixpanel::EventProperties filter(properties);
        return raw_export(
            request,
            [&](std::string_view line) {
              const absl::StatusOr<mixpanel::EventProperties::Event> event = filter.Read(line);
              if (!event.ok()) return on_line(line);  // which mapping rejects
              const auto is_deleted = [&](const std::string& id) { return deleted.Contains(id); };
              if (std::any_of(event->ids.begin(), event->ids.end(), is_deleted)) {
                ++left_out;
                return absl::OkStatus();
              }
              return on_line(event->line);
            },
            std::move(stop));
      };
}

std::unique_ptr<mixpanel::ProfilePages> FilterProfiles(
    std::unique_ptr<mixpanel::ProfilePages> pages, const DeletedIds& deleted,
    std::atomic<uint64_t>& left_out) {
  if (deleted.empty()) return pages;
  return std::make_unique<FilteredPages>(std::move(pages), deleted, left_out);
}

}  // namespace millrace
