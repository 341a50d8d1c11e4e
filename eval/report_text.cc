#include <algorithm>
#include <string>
#include <vector>

#include "core/base/strings.h"
#include "eval/eval_stage.h"
#include "eval/report_format.h"
#include "eval/report_tables.h"

namespace retort {
namespace {

constexpr size_t kTerminalWidth = 100;

/// Characters, not bytes, of valid UTF-8: enough for the dashes and letters of our own tables.
size_t DisplayWidth(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

/// A cell must stay on its line, and its bars must not end it.
std::string MarkdownCell(const std::string& text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|') cell += '\\';
    cell += c == '\n' || c == '\r' ? ' ' : c;
  }
  return cell;
}

std::string MarkdownRow(const std::vector<std::string>& cells) {
  std::string row = "|";
  for (const std::string& cell : cells) row += " " + MarkdownCell(cell) + " |";
  return row + "\n";
}

std::string MarkdownTable(const TextTable& table) {
  std::string text = MarkdownRow(table.header) + "|";
  for (size_t i = 0; i < table.header.size(); ++i) {
    text += i < table.left_columns ? " --- |" : " ---: |";
  }
  text += "\n";
  for (const std::vector<std::string>& row : table.rows) text += MarkdownRow(row);
  return text;
}

/// Words wrapped at the terminal's width, later lines indented.
std::string Wrapped(const std::string& text, size_t indent) {
  std::string wrapped;
  size_t column = 0;
  for (const std::string_view word : SplitWords(text)) {
    const size_t width = DisplayWidth(word);
    if (column > 0 && column + 1 + width > kTerminalWidth) {
      wrapped += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > 0) {
      wrapped += " ";
      ++column;
    }
    wrapped += word;
    column += width;
  }
  return wrapped + "\n";
}

std::string AlignedRow(const std::vector<std::string>& cells, const std::vector<size_t>& widths,
                       size_t left_columns) {
  std::string row;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string pad(widths[i] - DisplayWidth(cells[i]), ' ');
    row += i == 0 ? "" : "  ";
    row += i < left_columns ? cells[i] + pad : pad + cells[i];
  }
  const size_t end = row.find_last_not_of(' ');
  return row.substr(0, end == std::string::npos ? 0 : end + 1) + "\n";
}

std::string AlignedTable(const TextTable& table) {
  std::vector<size_t> widths;
  for (size_t i = 0; i < table.header.size(); ++i) {
    size_t width = DisplayWidth(table.header[i]);
    for (const auto& row : table.rows) width = std::max(width, DisplayWidth(row[i]));
    widths.push_back(width);
  }
  std::string text = AlignedRow(table.header, widths, table.left_columns);
  for (const auto& row : table.rows) text += AlignedRow(row, widths, table.left_columns);
  return text;
}

/// The columns of `table` whose headers are in `names`, in the table's order.
TextTable Columns(const TextTable& table, const std::vector<std::string>& names) {
  TextTable picked{.header = {}, .rows = {}, .left_columns = 0};
  picked.rows.resize(table.rows.size());
  for (size_t i = 0; i < table.header.size(); ++i) {
    if (std::find(names.begin(), names.end(), table.header[i]) == names.end()) continue;
    picked.header.push_back(table.header[i]);
    picked.left_columns += i < table.left_columns ? 1 : 0;
    for (size_t r = 0; r < table.rows.size(); ++r) picked.rows[r].push_back(table.rows[r][i]);
  }
  return picked;
}

TextTable StatesTable(const Json& entries, const std::string& name, const std::string& text_key) {
  TextTable table{.header = {name, "state", "why"}, .rows = {}, .left_columns = 3};
  for (const Json& entry : entries) {
    table.rows.push_back(
        {TextOf(entry, "name"), StateText(TextOf(entry, "state")), TextOf(entry, text_key)});
  }
  return table;
}

std::string MachineLine(const Json& report) {
  const Json& machine = Child(report, "machine");
  return StrCat(TextOf(machine, "processor"), ", ", CountOf(machine, "threads"), " threads of ",
                CountOf(machine, "cores"), " cores; load average ",
                SignificantOf(machine, "load_average"), ", memory reads ",
                SignificantOf(machine, "memory_read_gb_per_s"), " GB/s; ",
                SignificantOf(machine, "seconds"), " s, peak memory ",
                Significant(NumberOf(machine, "peak_resident_bytes") / (1 << 20)), " MiB.");
}

}  // namespace

std::string RenderMarkdown(const Json& report) {
  std::string text =
      StrCat("# ", TextOf(report, "experiment"), "\n\n**", TextOf(report, "verdict"), "**\n");
  const auto section = [&](const std::string& title, const TextTable& table) {
    if (!table.rows.empty()) text += StrCat("\n## ", title, "\n\n", MarkdownTable(table));
  };
  section("Claims", StatesTable(Child(report, "claims"), "claim", "sentence"));
  section("Gates", StatesTable(Child(report, "gates"), "gate", "detail"));
  section(StrCat("Arms on ", CountOf(report, "n"), " ", TextOf(report, "problems"), " problems"),
          ArmsTable(report));
  section("Pairs", PairsTable(report));
  section("Derived", DerivedTable(report));
  section("First k samples", SubsampleTable(report));
  text += "\n## How it was measured\n\n";
  for (const Json& note : Child(report, "notes")) text += "- " + note.get<std::string>() + "\n";
  return text + "- Machine: " + MachineLine(report) + "\n";
}

std::string RenderTerminal(const Json& report) {
  std::string text = Wrapped(TextOf(report, "verdict"), 0) + "\n";
  text += AlignedTable(Columns(ArmsTable(report), {"arm", "kind", "accuracy", "p50 ms", "p95 ms",
                                                   "tokens", CostColumn(report)}));
  if (!Child(report, "claims").empty()) text += "\n";
  for (const Json& claim : Child(report, "claims")) {
    const std::string state = TextOf(claim, "state") == "shown" ? "shown      " : "not shown  ";
    text += state + TextOf(claim, "name") + "\n";
  }
  std::vector<std::string> gates;
  for (const Json& gate : Child(report, "gates")) {
    gates.push_back(TextOf(gate, "name") + " " + StateText(TextOf(gate, "state")));
  }
  if (!gates.empty()) text += "\n" + Wrapped("gates: " + Join(gates, ", "), 7);
  return text;
}

}  // namespace retort
