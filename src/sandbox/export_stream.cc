#include "sandbox/export_stream.h"

#include "base/status.h"
#include "base/strings.h"

namespace millrace::sandbox {
namespace {

constexpr size_t kPieceBytes = 256 << 10;

}  // namespace

void AppendExportLine(const StoredEvent& event, bool time_in_ms, std::string* out) {
  const Splices& splices = event.splices;
  out->append(event.json.substr(0, splices.time_begin));
  const int64_t seconds = (event.time_ms - (event.time_ms % 1000 + 1000) % 1000) / 1000;
  StrAppend(out, time_in_ms ? event.time_ms : seconds);
  out->append(event.json.substr(splices.time_end, splices.properties_end - splices.time_end));
  if (!splices.has_processing_time) {
    StrAppend(out, ",\"mp_processing_time_ms\":", event.received_ms);
  }
  if (event.endpoint == Endpoint::kImport && !splices.has_import) out->append(",\"$import\":true");
  if (!splices.has_api_endpoint) out->append(",\"$mp_api_endpoint\":\"api.mixpanel.com\"");
  if (!splices.has_api_timestamp) {
    StrAppend(out, ",\"$mp_api_timestamp_ms\":", event.received_ms);
  }
  out->append(event.json.substr(splices.properties_end));
  out->push_back('\n');
}

ExportStream::ExportStream(EventStore& store, Options options)
    : store_(store),
      options_(std::move(options)),
      last_id_(store.last_id()),
      left_(options_.limit) {}

absl::Status ExportStream::Next(std::string* piece) {
  const size_t begin = piece->size();
  while (piece->size() - begin < kPieceBytes && left_ > 0 && after_ < last_id_) {
    ASSIGN_OR_RETURN(const uint64_t at,
                     store_.Read(after_, options_.filter, [&](const StoredEvent& event) {
                       if (event.id > last_id_) return false;
                       AppendExportLine(event, options_.time_in_ms, piece);
                       return --left_ > 0 && piece->size() - begin < kPieceBytes;
                     }));
    if (at == after_) break;
    after_ = at;
  }
  return absl::OkStatus();
}

}  // namespace millrace::sandbox
