// Takes the answer on to the LMS by itself; the page's button does the same where no script runs.
"use strict";
document.getElementById("placing-answer").submit();
