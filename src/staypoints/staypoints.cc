#include "staypoints/staypoints.h"

#include <atomic>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/byte_buffer.h"
#include "base/clock.h"
#include "base/json_writer.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/scratch_file.h"
#include "staypoints/id_ranges.h"
#include "staypoints/memory_plan.h"
#include "staypoints/output_marker.h"
#include "staypoints/output_overlap.h"
#include "staypoints/output_tree.h"
#include "staypoints/rejected_trips.h"
#include "staypoints/trip_scatter.h"
#include "staypoints/trip_sorter.h"
#include "staypoints/trip_store.h"
#include "staypoints/worker_group.h"

namespace millrace {
namespace {

std::string_view FormatName(StaypointFormat format) {
  switch (format) {
    case StaypointFormat::kJson:
      return "json";
    case StaypointFormat::kCsv:
      return "csv";
    case StaypointFormat::kHive:
      return "hive";
  }
  return "";
}

// One run, step by step.
class Run {
 public:
  Run(const StaypointsRequest& request, StaypointsProgress& progress, std::stop_token stop,
      StaypointsReport& report)
      : request_(request),
        progress_(progress),
        stop_(std::move(stop)),
        report_(report),
        rejected_(request.dead_letter, request.output) {}

  absl::Status Go() {
    ASSIGN_OR_RETURN(const std::vector<TripFile> files, request_.source.List());
    report_.files_hidden = request_.source.hidden();
    const std::vector<std::string> inputs = request_.source.patterns();
    RETURN_IF_ERROR(CheckPlacesAreApart(
        {.inputs = inputs, .files = files, .output = request_.output, .report = request_.report}));
    ASSIGN_OR_RETURN(const auto tree,
                     OpenOutputTree(request_.output, request_.temp_folder, request_.stores));
    ScratchFile scratch(tree->scratch_folder());
    RETURN_IF_ERROR(scratch.Open());  // rather now than when memory is full
    const absl::Status status = Transform(files, *tree, scratch);
    report_.bytes_spilled = scratch.bytes_written();
    report_.rejected = rejected_.count();
    report_.first_error = rejected_.first();
    RETURN_IF_ERROR(status);
    RETURN_IF_ERROR(CheckThatThereAreTrips(tree->replaced_staypoints()));
    RETURN_IF_ERROR(tree->Publish(Marker()));
    progress_.phase = StaypointsProgress::Phase::kDone;
    return absl::OkStatus();
  }

 private:
  // An input without trips is more often a wrong input than a reason to remove an earlier output.
  absl::Status CheckThatThereAreTrips(uint64_t replaced_staypoints) const {
    const uint64_t unusable = report_.rejected + report_.without_start;
    if (replaced_staypoints == 0 || report_.trips > unusable) return absl::OkStatus();
    return absl::FailedPreconditionError(
        StrCat("the input has no trip (", report_.trips, " rows, ", report_.rejected, " rejected, ",
               report_.without_start, " without a start), and ", request_.output, " has ",
               replaced_staypoints,
               " staypoints of an earlier run, which were kept; check --input and --column, or "
               "remove the output first"));
  }

  absl::Status Transform(const std::vector<TripFile>& files, OutputTree& tree,
                         ScratchFile& scratch) {
    ASSIGN_OR_RETURN(TripSample sample, SampleTrips(files, request_.workers, stop_));
    const MemoryPlan plan = PlanMemory(request_.memory, request_.workers, sample.about_trips);
    progress_.estimated_rows = sample.about_trips;
    progress_.phase = StaypointsProgress::Phase::kReading;
    const IdRanges ranges(std::move(sample.ids), plan.ranges);
    ASSIGN_OR_RETURN(const auto store, TripStore::Make({.ranges = ranges.count(),
                                                        .writers = request_.workers,
                                                        .chunk_bytes = plan.chunk_bytes,
                                                        .memory = plan.store},
                                                       scratch));
    ASSIGN_OR_RETURN(const ScatterCounts counts, ScatterTrips(files, ranges, request_.workers,
                                                              rejected_, *store, progress_, stop_));
    report_.trips = counts.rows - counts.deleted;
    report_.deleted = counts.deleted;
    report_.without_start = counts.without_start;
    progress_.bytes_spilled = scratch.bytes_written();
    progress_.ranges = ranges.count();
    progress_.phase = StaypointsProgress::Phase::kSorting;
    ASSIGN_OR_RETURN(const auto writer, NewStaypointWriter({.format = request_.format,
                                                            .workers = request_.workers,
                                                            .memory = plan.writers},
                                                           ranges, tree, scratch));
    RETURN_IF_ERROR(SortAndWrite(ranges.count(), plan.sorter, *store, scratch, *writer));
    RETURN_IF_ERROR(writer->Finish());
    report_.files = writer->files();
    return absl::OkStatus();
  }

  absl::Status SortAndWrite(size_t ranges, size_t sorter_memory, TripStore& store,
                            ScratchFile& scratch, StaypointWriter& writer) {
    std::atomic<size_t> next = 0;
    absl::Mutex mutex;
    if (request_.observer != nullptr) request_.observer->Begin(static_cast<int>(request_.workers));
    return RunWorkers(
        "sort", request_.workers, stop_,
        [&](size_t worker, std::stop_token stop) -> absl::Status {
          TripSorter sorter(scratch, sorter_memory);
          size_t range = 0;
          StaypointBuilder builder(request_.rules, [&](const StaypointBlock& block) {
            if (request_.observer != nullptr) {
              request_.observer->OnStaypoints(static_cast<int>(worker), block);
            }
            progress_.staypoints += block.staypoints();
            return writer.Write(range, block);
          });
          // In ascending order, as the writer asks for.
          while ((range = next++) < ranges) {
            RETURN_IF_ERROR(sorter.Sort(store.Take(range), builder, stop));
            RETURN_IF_ERROR(builder.Finish());
            RETURN_IF_ERROR(writer.EndRange(range));
            ++progress_.ranges_done;
            progress_.bytes_spilled = scratch.bytes_written();
          }
          absl::MutexLock lock(&mutex);
          report_.stays += builder.counts();
          return absl::OkStatus();
        },
        [&] { writer.Cancel(); });
  }

  // The content of the marker: enough to identify the folder's content.
  std::string Marker() const {
    ByteBuffer json;
    json.Append(StrCat("{\"made_by\":\"", kMadeBy, "\",\"format\":\""));
    json.Append(FormatName(request_.format));
    json.Append('"');
    for (const auto& [name, value] :
         {std::pair("files", report_.files), std::pair("users", report_.stays.users),
          std::pair("staypoints", report_.stays.staypoints), std::pair("trips", report_.trips),
          std::pair("rejected", report_.rejected)}) {
      json.Append(StrCat(",\"", name, "\":"));
      AppendJsonUint(json, value);
    }
    json.Append("}\n");
    return std::string(json.view());
  }

  const StaypointsRequest& request_;
  StaypointsProgress& progress_;
  const std::stop_token stop_;
  StaypointsReport& report_;
  RejectedTrips rejected_;
};

}  // namespace

StaypointsReport FindStaypoints(const StaypointsRequest& request, StaypointsProgress& progress,
                                std::stop_token stop) {
  const absl::Duration begin = Clock::Real().Elapsed();
  StaypointsReport report;
  report.status = Run(request, progress, std::move(stop), report).Go();
  report.elapsed = Clock::Real().Elapsed() - begin;
  return report;
}

}  // namespace millrace
