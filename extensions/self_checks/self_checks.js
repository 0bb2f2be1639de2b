// Show the feedback of the option that a reader has chosen, and keep it in this browser. Without
// this script, or where storage is forbidden, questions and folded answers still work.
const keptUnder = (box) => `multilevel-book/self-check/${box.dataset.name}`;

function read(box) {
  try {
    return JSON.parse(localStorage.getItem(keptUnder(box))) ?? {};
  } catch {
    return {}; // forbidden, or not ours
  }
}

function write(box, answers) {
  try {
    if (Object.keys(answers).length) localStorage.setItem(keptUnder(box), JSON.stringify(answers));
    else localStorage.removeItem(keptUnder(box));
  } catch {
    // the answers last as long as the page
  }
}

// A region is announced when it changes: the same words again are taken away first.
let waiting = 0;

function announce(region, text) {
  clearTimeout(waiting);
  region.replaceChildren();
  waiting = setTimeout(() => (region.textContent = text), 100);
}

function unsay(question) {
  clearTimeout(waiting);
  question.said.replaceChildren();
  delete question.said.dataset.verdict;
}

function say(question, option) {
  const answer = question.answers.find((item) => item.dataset.of === option.value);
  question.said.replaceChildren(...answer.cloneNode(true).childNodes);
  question.said.dataset.verdict = answer.classList.contains("right") ? "right" : "wrong";
}

function start(box) {
  const answers = read(box);
  const questions = [...box.querySelectorAll("fieldset")].map((field) => ({
    options: [...field.querySelectorAll("input")],
    button: field.querySelector("button"),
    said: field.querySelector(".check-said"),
    folded: field.querySelector("details"),
    answers: [...field.querySelectorAll("li")],
  }));
  for (const question of questions) {
    const name = question.options[0].name;
    question.folded.hidden = true;
    question.button.hidden = false;
    for (const option of question.options) {
      option.checked = option.value === answers[name];
      if (option.checked) say(question, option);
      // Arrow keys choose as they move: what they pass is not yet an answer.
      option.addEventListener("change", () => unsay(question));
    }
    question.button.addEventListener("click", () => {
      const option = question.options.find((one) => one.checked);
      if (!option) {
        announce(question.said, "Choose an option first.");
        return;
      }
      say(question, option);
      answers[name] = option.value;
      write(box, answers);
    });
  }
  const forget = box.querySelector(".check-forget");
  forget.hidden = false;
  forget.querySelector("button").addEventListener("click", () => {
    for (const question of questions) {
      for (const option of question.options) option.checked = false;
      delete answers[question.options[0].name];
      unsay(question);
    }
    write(box, answers);
    announce(forget.querySelector("[role=status]"), "They are cleared.");
  });
}

document.querySelectorAll(".self-check").forEach(start);
