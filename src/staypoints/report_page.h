// The report of a run as one self-contained HTML file.
#ifndef MILLRACE_STAYPOINTS_REPORT_PAGE_H_
#define MILLRACE_STAYPOINTS_REPORT_PAGE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "staypoints/stay_stats.h"
#include "staypoints/staypoints.h"

namespace millrace {

// The page without data, which replaces {{data}}. From report_page.html.
std::string_view ReportPageHtml();

struct ReportSubject {
  std::string input;  // the input, for people
  std::string output;
  std::string version;  // of the program
  absl::Time made;
};

// The page of a successful run. It loads nothing and shows text as text, whatever its content; at
// most 65,536 cells of the map, so that it stays below 3 MB.
std::string MakeReportPage(const StayStats& stats, const StaypointsReport& run,
                           const ReportSubject& subject);

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_REPORT_PAGE_H_
