#include "iceberg/manifest_writer.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>

#include "absl/strings/str_format.h"
#include "base/json_writer.h"
#include "base/strings.h"
#include "formats/avro_writer.h"

namespace millrace {
namespace {

constexpr int64_t kAdded = 1;  // the status of an entry
constexpr int64_t kData = 0;   // the content of a file, and of a manifest

// Numbers are the ids of fields in the specification.
constexpr std::string_view kEntrySchema =
    R"({"type":"record","name":"manifest_entry","fields":[)"
    R"({"name":"status","type":"int","field-id":0},)"
    R"({"name":"snapshot_id","type":["null","long"],"default":null,"field-id":1},)"
    R"({"name":"sequence_number","type":["null","long"],"default":null,"field-id":3},)"
    R"({"name":"file_sequence_number","type":["null","long"],"default":null,"field-id":4},)"
    R"({"name":"data_file","type":{"type":"record","name":"r2","fields":[)"
    R"({"name":"content","type":"int","field-id":134},)"
    R"({"name":"file_path","type":"string","field-id":100},)"
    R"({"name":"file_format","type":"string","field-id":101},)"
    R"({"name":"partition","type":{"type":"record","name":"r102","fields":[$PARTITION]},)"
    R"("field-id":102},)"
    R"({"name":"record_count","type":"long","field-id":103},)"
    R"({"name":"file_size_in_bytes","type":"long","field-id":104},)"
    R"({"name":"column_sizes","type":["null",{"type":"array","items":{"type":"record",)"
    R"("name":"k117_v118","fields":[{"name":"key","type":"int","field-id":117},)"
    R"({"name":"value","type":"long","field-id":118}]},"logicalType":"map"}],)"
    R"("default":null,"field-id":108},)"
    R"({"name":"value_counts","type":["null",{"type":"array","items":{"type":"record",)"
    R"("name":"k119_v120","fields":[{"name":"key","type":"int","field-id":119},)"
    R"({"name":"value","type":"long","field-id":120}]},"logicalType":"map"}],)"
    R"("default":null,"field-id":109},)"
    R"({"name":"null_value_counts","type":["null",{"type":"array","items":{"type":"record",)"
    R"("name":"k121_v122","fields":[{"name":"key","type":"int","field-id":121},)"
    R"({"name":"value","type":"long","field-id":122}]},"logicalType":"map"}],)"
    R"("default":null,"field-id":110},)"
    R"({"name":"lower_bounds","type":["null",{"type":"array","items":{"type":"record",)"
    R"("name":"k126_v127","fields":[{"name":"key","type":"int","field-id":126},)"
    R"({"name":"value","type":"bytes","field-id":127}]},"logicalType":"map"}],)"
    R"("default":null,"field-id":125},)"
    R"({"name":"upper_bounds","type":["null",{"type":"array","items":{"type":"record",)"
    R"("name":"k129_v130","fields":[{"name":"key","type":"int","field-id":129},)"
    R"({"name":"value","type":"bytes","field-id":130}]},"logicalType":"map"}],)"
    R"("default":null,"field-id":128}]},"field-id":2}]})";

constexpr std::string_view kListSchema =
    R"({"type":"record","name":"manifest_file","fields":[)"
    R"({"name":"manifest_path","type":"string","field-id":500},)"
    R"({"name":"manifest_length","type":"long","field-id":501},)"
    R"({"name":"partition_spec_id","type":"int","field-id":502},)"
    R"({"name":"content","type":"int","field-id":517},)"
    R"({"name":"sequence_number","type":"long","field-id":515},)"
    R"({"name":"min_sequence_number","type":"long","field-id":516},)"
    R"({"name":"added_snapshot_id","type":"long","field-id":503},)"
    R"({"name":"added_files_count","type":"int","field-id":504},)"
    R"({"name":"existing_files_count","type":"int","field-id":505},)"
    R"({"name":"deleted_files_count","type":"int","field-id":506},)"
    R"({"name":"added_rows_count","type":"long","field-id":512},)"
    R"({"name":"existing_rows_count","type":"long","field-id":513},)"
    R"({"name":"deleted_rows_count","type":"long","field-id":514},)"
    R"({"name":"partitions","type":["null",{"type":"array","items":{"type":"record",)"
    R"("name":"r508","fields":[{"name":"contains_null","type":"boolean","field-id":509},)"
    R"({"name":"contains_nan","type":["null","boolean"],"default":null,"field-id":518},)"
    R"({"name":"lower_bound","type":["null","bytes"],"default":null,"field-id":510},)"
    R"({"name":"upper_bound","type":["null","bytes"],"default":null,"field-id":511}]},)"
    R"("element-id":508}],"default":null,"field-id":507},)"
    R"({"name":"key_metadata","type":["null","bytes"],"default":null,"field-id":519}]})";

template <typename T>
std::string Stored(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
}

// A name of Avro: letters, digits and '_'. Other characters become "_x" and their code, as other
// writers of manifests do it.
std::string AvroName(std::string_view name) {
  std::string valid;
  for (const char c : name) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    const bool is_digit = c >= '0' && c <= '9';
    if (is_digit && valid.empty()) valid += '_';
    if (is_letter || is_digit) {
      valid += c;
    } else {
      StrAppend(&valid, "_x", absl::StrFormat("%X", static_cast<unsigned char>(c)));
    }
  }
  return valid.empty() ? "_" : valid;
}

std::string EntrySchema(const std::optional<IcebergPartitionField>& field) {
  std::string partition;
  if (field) {
    partition = R"({"name":)";
    AppendJsonString(partition, AvroName(field->name));
    if (AvroName(field->name) != field->name) {
      partition += R"(,"iceberg-field-name":)";
      AppendJsonString(partition, field->name);
    }
    // A day is a date; hours, months and years are numbers.
    StrAppend(&partition, R"(,"type":["null",)",
              field->transform == "day" ? R"({"type":"int","logicalType":"date"})" : R"("int")",
              R"(],"default":null,"field-id":)", field->id, "}");
  }
  constexpr std::string_view kPlace = "$PARTITION";
  std::string schema(kEntrySchema);
  return schema.replace(schema.find(kPlace), kPlace.size(), partition);
}

std::string SpecJson(const std::optional<IcebergPartitionField>& field) {
  if (!field) return "[]";
  std::string json = R"([{"name":)";
  AppendJsonString(json, field->name);
  StrAppend(&json, R"(,"transform":")", field->transform, R"(","source-id":)", field->source_id,
            R"(,"field-id":)", field->id, "}]");
  return json;
}

// A map by column: a list of records.
void AppendMap(AvroBytes& out, const AddedFile& file,
               const std::function<bool(const AddedFile::Column&, AvroBytes&)>& append) {
  AvroBytes items;
  int64_t count = 0;
  for (const AddedFile::Column& column : file.columns) {
    AvroBytes value;
    if (!append(column, value)) continue;
    items.Long(column.id).Raw(value.str());
    ++count;
  }
  out.Long(1);
  if (count > 0) out.Long(count).Raw(items.str());
  out.Long(0);
}

void AppendEntry(AvroBytes& out, const ManifestSchema& schema, const AddedFile& file) {
  out.Long(kAdded).Null().Null().Null();
  out.Long(kData).Bytes(file.path).Bytes("PARQUET");
  if (schema.field) out.OptionalLong(file.partition);
  out.Long(static_cast<int64_t>(file.rows)).Long(static_cast<int64_t>(file.bytes));
  using Column = AddedFile::Column;
  AppendMap(out, file, [](const Column& column, AvroBytes& value) {
    value.Long(static_cast<int64_t>(column.bytes));
    return true;
  });
  AppendMap(out, file, [](const Column& column, AvroBytes& value) {
    value.Long(static_cast<int64_t>(column.values));
    return true;
  });
  AppendMap(out, file, [](const Column& column, AvroBytes& value) {
    value.Long(static_cast<int64_t>(column.nulls.value_or(0)));
    return column.nulls.has_value();
  });
  for (const auto bound : {&Column::min, &Column::max}) {
    AppendMap(out, file, [&](const Column& column, AvroBytes& value) {
      value.Bytes(Stored((column.*bound).value_or(0)));
      return (column.*bound).has_value();
    });
  }
}

void AppendCounts(AvroBytes& out, const ManifestInfo::Counts& counts) {
  out.Long(*counts.added).Long(*counts.existing).Long(*counts.removed);
}

bool HasAll(const ManifestInfo::Counts& counts) {
  return counts.added && counts.existing && counts.removed;
}

PartitionSummary SummaryOf(absl::Span<const AddedFile> files) {
  PartitionSummary summary{.has_nan = false};
  std::optional<int32_t> min, max;
  for (const AddedFile& file : files) {
    if (!file.partition) {
      summary.has_null = true;
      continue;
    }
    min = std::min(min.value_or(*file.partition), *file.partition);
    max = std::max(max.value_or(*file.partition), *file.partition);
  }
  if (min) summary.lower = Stored(*min);
  if (max) summary.upper = Stored(*max);
  return summary;
}

}  // namespace

WrittenManifest WriteManifest(const ManifestSchema& schema, absl::Span<const AddedFile> files) {
  AvroFileWriter writer(EntrySchema(schema.field), {{"schema", schema.schema.json},
                                                    {"schema-id", StrCat(schema.schema.id)},
                                                    {"partition-spec", SpecJson(schema.field)},
                                                    {"partition-spec-id", StrCat(schema.spec_id)},
                                                    {"format-version", "2"},
                                                    {"content", "data"}});
  WrittenManifest written;
  int64_t rows = 0;
  AvroBytes entry;
  for (const AddedFile& file : files) {
    entry.clear();
    AppendEntry(entry, schema, file);
    writer.Add(entry.str());
    rows += static_cast<int64_t>(file.rows);
  }
  written.bytes = writer.Finish();
  written.info.bytes = static_cast<int64_t>(written.bytes.size());
  written.info.spec_id = schema.spec_id;
  written.info.files = {static_cast<int64_t>(files.size()), 0, 0};
  written.info.rows = {rows, 0, 0};
  if (schema.field) written.info.partitions.push_back(SummaryOf(files));
  return written;
}

absl::StatusOr<std::string> WriteManifestList(const NewSnapshot& snapshot,
                                              absl::Span<const ManifestInfo> manifests) {
  AvroFileWriter writer(
      kListSchema,
      {{"snapshot-id", StrCat(snapshot.id)},
       {"parent-snapshot-id", snapshot.parent ? StrCat(*snapshot.parent) : std::string("null")},
       {"sequence-number", StrCat(snapshot.sequence_number)},
       {"format-version", "2"}});
  AvroBytes entry;
  for (const ManifestInfo& manifest : manifests) {
    if (!HasAll(manifest.files) || !HasAll(manifest.rows)) {
      return absl::InvalidArgumentError(
          StrCat("the manifest list does not say how many files ", manifest.path,
                 " has: let another engine rewrite the table's manifests once"));
    }
    entry.clear();
    entry.Bytes(manifest.path).Long(manifest.bytes).Long(manifest.spec_id);
    entry.Long(manifest.holds_deletes ? 1 : 0);
    entry.Long(manifest.sequence_number).Long(manifest.min_sequence_number);
    entry.Long(manifest.added_by);
    AppendCounts(entry, manifest.files);
    AppendCounts(entry, manifest.rows);
    if (manifest.partitions.empty()) {
      entry.Null();
    } else {
      entry.Long(1).Long(static_cast<int64_t>(manifest.partitions.size()));
      for (const PartitionSummary& partition : manifest.partitions) {
        entry.Boolean(partition.has_null);
        partition.has_nan ? entry.Long(1).Boolean(*partition.has_nan) : entry.Null();
        entry.OptionalBytes(partition.lower).OptionalBytes(partition.upper);
      }
      entry.Long(0);
    }
    entry.OptionalBytes(manifest.key_metadata);
    writer.Add(entry.str());
  }
  return writer.Finish();
}

}  // namespace millrace
