/* Starts the page. */

state.form = formOf(0, wantedForm);
showView();
showSequence();
showPlddt();
listenToControls();
showCoverage();
showPae();
drawAll();
