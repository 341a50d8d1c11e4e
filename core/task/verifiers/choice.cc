// A letter A to E against a letter, in the usual phrasings: "B", "(b)", "B.", "B) 12 cm",
// "\text{(B)}", "answer is option (B)", "choose B", "... so it is (B)."
//
// A marked answer (FindAnswer) or a text of one line begins with its letter; otherwise the last
// letter that stands in brackets, or behind "option", "choice" or "choose", answers. Two different
// letters ("A or B", "A and B") are no answer. A lone lower-case letter, or a lone A, counts only
// where it is all there is or stands in brackets: "a" is a word.
#include <vector>

#include "core/base/strings.h"
#include "core/task/answer_verifier.h"
#include "core/task/verifiers/answer_text.h"

namespace retort {
namespace {

constexpr char kLastLetter = 'e';

/// A word that may be a choice: its letter in upper case, and how it was written.
struct Candidate {
  char letter = 0;
  bool bracketed = false;   // (B)
  bool named = false;       // option B
  bool punctuated = false;  // "B.", "B)", "B:"
  bool upper = false;
  size_t word = 0;  // its place among the words
};

bool IsChoiceLetter(char c) { return AsciiLower(c) >= 'a' && AsciiLower(c) <= kLastLetter; }
char UpperOf(char c) { return static_cast<char>(AsciiLower(c) - 'a' + 'A'); }

bool NamesAChoice(std::string_view word) {
  std::string lower;
  for (const char c : word) {
    if (IsAsciiLetter(c)) lower += AsciiLower(c);
  }
  for (const char* name : {"option", "choice", "choose", "pick", "select", "letter"}) {
    if (lower == name) return true;
  }
  return false;
}

/// Words of a text whose TeX wrappers are gone.
std::vector<Candidate> FindCandidates(const std::vector<std::string>& words) {
  std::vector<Candidate> found;
  for (size_t i = 0; i < words.size(); ++i) {
    std::string_view word = words[i];
    while (!word.empty() && std::string_view("*_`\"'").find(word.front()) != std::string::npos) {
      word.remove_prefix(1);
    }
    while (!word.empty() && std::string_view("*_`\"',;").find(word.back()) != std::string::npos) {
      word.remove_suffix(1);
    }
    const bool open = !word.empty() && (word.front() == '(' || word.front() == '[');
    if (open) word.remove_prefix(1);
    if (word.empty() || !IsChoiceLetter(word.front())) continue;
    const std::string_view rest = word.substr(1);
    const bool closed = rest.starts_with(')') || rest.starts_with(']');
    const bool known_end = rest.empty() || rest == "." || rest == ":" || rest == ")" ||
                           rest == "]" || rest == ")." || rest == "]." || rest == "):" ||
                           rest == ".*" || rest == ".**" || rest == ")**";
    if (!known_end) continue;
    found.push_back({.letter = UpperOf(word.front()),
                     .bracketed = open && closed,
                     .named = i > 0 && NamesAChoice(words[i - 1]),
                     .punctuated = !rest.empty(),
                     .upper = !(word.front() >= 'a'),
                     .word = i});
  }
  return found;
}

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  std::string plain(text);
  size_t wrapper = 0;
  for (const std::string_view name : {"\\textbf", "\\text", "\\mathrm", "\\mathbf", "\\rm"}) {
    while ((wrapper = plain.find(name)) != std::string::npos) {
      plain.replace(wrapper, name.size(), name.size(), ' ');
    }
  }
  for (char& c : plain) {
    if (c == '{' || c == '}' || c == '$' || c == '~' || c == '\\') c = ' ';
  }
  for (const std::string_view word : SplitWords(plain)) words.emplace_back(word);
  return words;
}

/// The letter of an answer that the text marks, or of one that is a line on its own.
std::optional<char> ShortAnswer(const std::vector<std::string>& words) {
  const std::vector<Candidate> found = FindCandidates(words);
  std::optional<char> letter;
  for (const Candidate& candidate : found) {
    const bool alone = words.size() == 1;
    const bool article = candidate.letter == 'A' && !candidate.punctuated;
    const bool first = candidate.word == 0 && !article && (candidate.upper || candidate.punctuated);
    const bool counts = alone || first || candidate.bracketed || candidate.named ||
                        (candidate.upper && letter && candidate.word <= 3);
    if (!counts) continue;
    if (letter && *letter != candidate.letter) return std::nullopt;
    letter = candidate.letter;
  }
  return letter;
}

/// The letter that a longer text ends on.
std::optional<char> LastChoice(const std::vector<std::string>& words) {
  const std::vector<Candidate> found = FindCandidates(words);
  for (size_t i = found.size(); i-- > 0;) {
    if (!found[i].bracketed && !found[i].named) continue;
    const bool joined = i > 0 && found[i].word == found[i - 1].word + 2 &&
                        (words[found[i].word - 1] == "or" || words[found[i].word - 1] == "and");
    if (joined && found[i - 1].letter != found[i].letter) return std::nullopt;
    return found[i].letter;
  }
  return std::nullopt;
}

std::optional<char> AnswerLetter(std::string_view text) {
  const std::optional<FoundAnswer> found = FindAnswer(text);
  if (!found) return std::nullopt;
  const std::vector<std::string> words = Words(found->text);
  if (found->marked) return ShortAnswer(words);
  if (const std::optional<char> letter = LastChoice(words)) return letter;
  return ShortAnswer(Words(LastLine(found->text)));
}

class ChoiceVerifier final : public AnswerVerifier {
 public:
  Verdict Compare(std::string_view gold, std::string_view text) const override {
    const std::optional<char> expected = AnswerLetter(gold);
    if (!expected) return Verdict::kUnverified;
    const std::optional<char> given = AnswerLetter(text);
    if (!given) return Verdict::kUnparsed;
    return *given == *expected ? Verdict::kCorrect : Verdict::kIncorrect;
  }

  std::string Identity() const override { return "choice/1"; }
};

}  // namespace

std::unique_ptr<AnswerVerifier> MakeChoiceVerifier(ConfigSection /*section*/) {
  return std::make_unique<ChoiceVerifier>();
}

}  // namespace retort
