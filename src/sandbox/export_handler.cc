#include "sandbox/export_handler.h"

#include <functional>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/time/civil_time.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/gzip_stream.h"
#include "sandbox/export_stream.h"
#include "sandbox/limits.h"
#include "sandbox/query_request.h"

namespace millrace::sandbox {
namespace {

// What short_gzip leaves out: the trailer and the end of the last block.
constexpr size_t kMissingGzipBytes = 10;

absl::StatusOr<absl::CivilDay> ParseDay(const sdk::Params& params, std::string_view name) {
  absl::CivilDay day;
  if (!absl::ParseCivilTime(ToAbsl(params.Get(name)), &day)) {
    return absl::InvalidArgumentError(StrCat(name, " must be a date, yyyy-mm-dd"));
  }
  return day;
}

absl::StatusOr<ExportStream::Options> ParseExport(const sdk::Params& params,
                                                  const ProjectTime& project, absl::Time now) {
  ExportStream::Options options;
  ASSIGN_OR_RETURN(const absl::CivilDay from, ParseDay(params, "from_date"));
  ASSIGN_OR_RETURN(const absl::CivilDay to, ParseDay(params, "to_date"));
  if (to > project.DayOf(now)) {
    return absl::InvalidArgumentError("to_date cannot be later than today");
  }
  if (from > to) return absl::InvalidArgumentError("from_date cannot be later than to_date");
  options.filter.from_ms = project.DayBeginMs(from);
  options.filter.to_ms = project.DayBeginMs(to + 1);
  if (!params.Get("event").empty()) {
    ASSIGN_OR_RETURN(options.filter.names, ParseNames(params.Get("event"), "event"));
  }
  if (const std::string_view where = params.Get("where"); !where.empty()) {
    ASSIGN_OR_RETURN(options.where, WhereExpression::Parse(where));
  }
  options.time_in_ms = params.Flag("time_in_ms");
  if (!params.Get("limit").empty()) {
    if (!absl::SimpleAtoi(ToAbsl(params.Get("limit")), &options.limit) || options.limit == 0 ||
        options.limit > kMaxExportEvents) {
      return absl::InvalidArgumentError(
          StrCat("limit must be a number from 1 to ", kMaxExportEvents));
    }
  }
  return options;
}

bool AcceptsGzip(std::string_view accept_encoding) {
  return accept_encoding.find("gzip") != std::string_view::npos &&
         accept_encoding.find("gzip;q=0") == std::string_view::npos;
}

// The stream after its first piece, which was needed to choose the response's encoding.
using NextPiece = std::function<absl::Status(std::string*)>;

NextPiece PlainPieces(std::shared_ptr<ExportStream> stream, std::string first) {
  return [stream, first = std::move(first), begun = false](std::string* piece) mutable {
    if (std::exchange(begun, true)) return stream->Next(piece);
    *piece = std::move(first);
    return absl::OkStatus();
  };
}

NextPiece GzipPieces(std::shared_ptr<ExportStream> stream, std::string first, bool is_short) {
  auto gzip = std::make_shared<GzipStream>();
  return
      [stream, gzip, is_short, plain = std::move(first), done = false](std::string* piece) mutable {
        while (piece->empty() && !done) {
          done = plain.empty();
          if (done) {
            gzip->Finish(piece);
            if (is_short) piece->resize(piece->size() - std::min(piece->size(), kMissingGzipBytes));
          } else {
            gzip->Write(plain, piece);
            plain.clear();
            if (absl::Status status = stream->Next(&plain); !status.ok()) return status;
          }
        }
        return absl::OkStatus();
      };
}

// Closes the connection after `left` bytes, if there are so many.
NextPiece CutPieces(NextPiece next, uint64_t left, Faults& faults) {
  return [next = std::move(next), left, &faults, ended = false](std::string* piece) mutable {
    if (ended) return absl::UnavailableError("cut_export");
    if (absl::Status status = next(piece); !status.ok()) return status;
    if (piece->size() > left) {
      faults.CountHit(Fault::kCutExport);
      ended = true;
      piece->resize(left);
      if (left == 0) return absl::UnavailableError("cut_export");
    }
    left -= piece->size();
    return absl::OkStatus();
  };
}

ServerResponse Export(Context& context, const ServerRequest& request, const sdk::Params& params,
                      const ReadFaults& faults) {
  const absl::Time now = context.clock.Now();
  absl::StatusOr<ExportStream::Options> options = ParseExport(params, context.project, now);
  if (!options.ok()) return PlainError(400, ToStd(options.status().message()));
  options->faults = faults.records;
  if (faults.stale > absl::ZeroDuration()) {
    options->received_until = absl::ToUnixMillis(now - faults.stale);
  }
  auto stream = std::make_shared<ExportStream>(*context.events, context.project, context.faults,
                                               *std::move(options));
  std::string first;
  if (const absl::Status status = stream->Next(&first); !status.ok()) {
    return PlainError(absl::IsInvalidArgument(status) ? 400 : 500, ToStd(status.message()));
  }
  ServerResponse reply;
  reply.content_type = "text/plain; charset=utf-8";
  reply.headers.emplace_back("Vary", "Accept-Encoding");
  const bool is_small = first.size() <= kGzipFromBytes;
  if (!is_small && AcceptsGzip(request.header("accept-encoding"))) {
    reply.headers.emplace_back("Content-Encoding", "gzip");
    if (faults.short_gzip) context.faults.CountHit(Fault::kShortGzip);
    reply.next_piece = GzipPieces(std::move(stream), std::move(first), faults.short_gzip);
  } else if (!is_small || faults.cut_after) {
    reply.next_piece = PlainPieces(std::move(stream), std::move(first));
  } else {
    reply.body = std::move(first);
  }
  if (faults.cut_after) {
    reply.next_piece = CutPieces(std::move(reply.next_piece), *faults.cut_after, context.faults);
  }
  return reply;
}

}  // namespace

ServerResponse HandleExport(Context& context, const ServerRequest& request) {
  return ServeQuery(context, request, ReadApi::kExport,
                    [&](const sdk::Params& params, const ReadFaults& faults) {
                      return Export(context, request, params, faults);
                    });
}

}  // namespace millrace::sandbox
