#include "connectors/bigquery/row_encoder.h"

#include <google/protobuf/descriptor.pb.h>

#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "absl/strings/str_format.h"

namespace millrace::bigquery {
namespace {

using google::protobuf::FieldDescriptorProto;

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2 };

FieldDescriptorProto::Type FieldType(ColumnType type) {
  switch (type) {
    case ColumnType::kText:
    case ColumnType::kJson:
      return FieldDescriptorProto::TYPE_STRING;
    case ColumnType::kInteger:
    case ColumnType::kTime:
      return FieldDescriptorProto::TYPE_INT64;
    case ColumnType::kNumber:
      return FieldDescriptorProto::TYPE_DOUBLE;
    case ColumnType::kBoolean:
      return FieldDescriptorProto::TYPE_BOOL;
  }
  return FieldDescriptorProto::TYPE_STRING;
}

void AppendVarint(uint64_t value, ByteBuffer& out) {
  for (; value >= 0x80; value >>= 7) out.Append(static_cast<char>(value | 0x80));
  out.Append(static_cast<char>(value));
}

void AppendTag(size_t number, WireType type, ByteBuffer& out) {
  AppendVarint(uint64_t{number} << 3 | type, out);
}

void AppendText(size_t number, std::string_view text, ByteBuffer& out) {
  AppendTag(number, kBytes, out);
  AppendVarint(text.size(), out);
  out.Append(text);
}

// The digits are those of a double (records/table_reader.h).
void AppendDouble(std::string_view digits, ByteBuffer& out) {
  static_assert(std::endian::native == std::endian::little);
  double value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  std::memcpy(out.Reserve(sizeof value), &value, sizeof value);
  out.Commit(sizeof value);
}

void AppendCell(size_t number, ColumnType type, const Cell& cell, ByteBuffer& out) {
  switch (type) {
    case ColumnType::kText:
    case ColumnType::kJson:
      return AppendText(number, cell.text, out);
    case ColumnType::kNumber:
      AppendTag(number, kFixed64, out);
      return AppendDouble(cell.text, out);
    case ColumnType::kInteger:
    case ColumnType::kTime:
    case ColumnType::kBoolean:
      AppendTag(number, kVarint, out);
      return AppendVarint(static_cast<uint64_t>(cell.integer), out);
  }
}

void AddField(const std::string& name, FieldDescriptorProto::Type type,
              google::protobuf::DescriptorProto& message) {
  FieldDescriptorProto& field = *message.add_field();
  field.set_name(name);
  field.set_number(message.field_size());
  field.set_label(FieldDescriptorProto::LABEL_OPTIONAL);
  field.set_type(type);
}

google::protobuf::DescriptorProto MessageOf(const TableForm& form) {
  google::protobuf::DescriptorProto message;
  message.set_name("Row");
  for (const Column& column : form.columns()) {
    AddField(column.name, FieldType(column.type), message);
  }
  return message;
}

}  // namespace

std::string RowDescriptor(const TableForm& form) { return MessageOf(form).SerializeAsString(); }

std::string ChangeDescriptor(const TableForm& form) {
  google::protobuf::DescriptorProto message = MessageOf(form);
  AddField("_CHANGE_TYPE", FieldDescriptorProto::TYPE_STRING, message);
  AddField("_CHANGE_SEQUENCE_NUMBER", FieldDescriptorProto::TYPE_STRING, message);
  return message.SerializeAsString();
}

void AppendRow(const TableForm& form, TableRow row, ByteBuffer& out) {
  for (size_t i = 0; i < row.size(); ++i) {
    if (!row[i].is_null) AppendCell(i + 1, form.columns()[i].type, row[i], out);
  }
}

void AppendChange(const TableForm& form, ChangeType type, absl::Time version, TableRow row,
                  ByteBuffer& out) {
  AppendRow(form, row, out);
  const bool is_upsert = type == ChangeType::kUpsert;
  AppendText(row.size() + 1, is_upsert ? "UPSERT" : "DELETE", out);
  AppendText(row.size() + 2,
             absl::StrFormat("%x/%d", absl::ToUnixMicros(version), is_upsert ? 1 : 0), out);
}

}  // namespace millrace::bigquery
