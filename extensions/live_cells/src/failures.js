// Why Python cannot run, in a sentence that says what to do.

export function explain(reason) {
  if (/memory|allocat/i.test(reason))
    return "This device has too little free memory for Python. Close other tabs or programs, then try again.";
  if (reason === "missing")
    return "A file that Python needs is missing on this site. Please tell the authors.";
  if (/damaged/.test(reason)) return "A file arrived damaged. Please try again.";
  if (navigator.onLine === false || /fetch|network|load failed|error in (input|body) stream/i.test(reason))
    return "Python could not be fetched from this site. Check your connection and try again.";
  return `Python stopped (${reason.split("\n")[0]}).`;
}
