# Ask R's lme4 about the book's data: Rscript data/make_in_r.R > data/in_r.json
# Only for making the numbers of the "In R" tabs; the book itself never needs R.
suppressPackageStartupMessages(library(lme4))

args <- commandArgs()
here <- dirname(sub("--file=", "", grep("--file=", args, value = TRUE)))
three <- read.csv(file.path(here, "hospitals_3.csv"))
forty <- read.csv(file.path(here, "hospitals_40.csv"))
unbalanced <- read.csv(file.path(here, "hospitals_40_unbalanced.csv"))
unbalanced$sev_within <-
  unbalanced$symptom_severity - ave(unbalanced$symptom_severity, unbalanced$hospital)
unbalanced$staff_c <- unbalanced$staff_quality - 5
sleep <- read.csv(file.path(here, "sleepstudy.csv"))
stopifnot(all.equal(sleep$reaction_ms, sleepstudy$Reaction), # the file is lme4's
          sleep$days == sleepstudy$Days, sleep$subject == sleepstudy$Subject)
sleep <- subset(transform(sleep, nights = days - 2), nights >= 0)
pupils <- read.csv(file.path(here, "pupils.csv"))
three$sev_mean <- ave(three$symptom_severity, three$hospital)
three$sev_within <- three$symptom_severity - three$sev_mean
forty$sev_mean <- ave(forty$symptom_severity, forty$hospital)
forty$sev_within <- forty$symptom_severity - forty$sev_mean
pupils$ses_mean <- ave(pupils$ses, pupils$school)
pupils$ses_within <- pupils$ses - pupils$ses_mean

json <- function(x) {
  paste0("{", paste0('"', names(x), '": ', sprintf("%.10g", x), collapse = ", "), "}")
}

lines <- character()
ask <- function(name, call, interval = FALSE, effects = FALSE) {
  fit <- eval(parse(text = call))
  table <- coef(summary(fit))
  rownames(table) <- sub("(Intercept)", "Intercept", rownames(table), fixed = TRUE)
  estimate <- setNames(table[, "Estimate"], rownames(table))
  se <- setNames(table[, "Std. Error"], rownames(table))
  numbers <- c(log_likelihood = as.numeric(logLik(fit)))
  if (inherits(fit, "merMod")) {
    sd <- as.data.frame(VarCorr(fit))
    numbers <- c(numbers, sd_hospital = sd$sdcor[1], sd_patient = sd$sdcor[nrow(sd)])
    if (nrow(sd) == 4) {
      numbers <- c(numbers, sd_slope = sd$sdcor[2], correlation = sd$sdcor[3])
    }
    if (interval) {
      # the profile is that of the maximum-likelihood fit, also when the fit is REML
      ci <- confint(fit, parm = ".sig01", method = "profile", quiet = TRUE)
      numbers <- c(numbers, sd_hospital_low = ci[1], sd_hospital_high = ci[2])
    }
  }
  df <- if ("df" %in% colnames(table)) {
    sprintf('"df": %s, ', json(setNames(table[, "df"], rownames(table))))
  } else {
    ""
  }
  more <- ""
  if (effects) {
    u <- as.data.frame(ranef(fit, condVar = TRUE))
    more <- sprintf(', "effects": %s, "effect_sds": %s',
                    json(setNames(u$condval, u$grp)), json(setNames(u$condsd, u$grp)))
  }
  lines[[name]] <<- sprintf(
    '  "%s": {"call": "%s", "estimate": %s, "se": %s, %s"numbers": %s%s}',
    name, call, json(estimate), json(se), df, json(numbers), more
  )
}

ask("three_pooled", "lm(will_to_live ~ symptom_severity, data = three)")
ask("three_dummies", "lm(will_to_live ~ symptom_severity + hospital, data = three)")
ask("three_partial", "lmer(will_to_live ~ symptom_severity + (1 | hospital), data = three)")
ask("three_within_between",
    "lmer(will_to_live ~ sev_within + sev_mean + (1 | hospital), data = three)")
ask("three_null", "lmer(will_to_live ~ 1 + (1 | hospital), data = three)", interval = TRUE)
ask("forty_null", "lmer(will_to_live ~ 1 + (1 | hospital), data = forty)", interval = TRUE)
ask("unbalanced_null", "lmer(will_to_live ~ 1 + (1 | hospital), data = unbalanced)")
ask("unbalanced_staff",
    "lmer(will_to_live ~ staff_quality + (1 | hospital), data = unbalanced)")
ask("unbalanced_intercepts",
    "lmer(will_to_live ~ sev_within + staff_c + (1 | hospital), data = unbalanced)",
    effects = TRUE)
ask("unbalanced_intercepts_ml", paste0(
  "lmer(will_to_live ~ sev_within + staff_c + (1 | hospital), data = unbalanced, ",
  "REML = FALSE)"))
ask("sleep_intercepts", "lmer(reaction_ms ~ nights + (1 | subject), data = sleep)")

# Tests of chapter 6. lmerTest is not attached, so that the fits above stay lme4's own.
ask_tests <- function(name, call, coefficient) {
  fit <- eval(parse(text = call))
  ask(name, call)
  numbers <- numeric()
  for (method in c("Satterthwaite", "Kenward-Roger")) {
    row <- coef(summary(fit, ddf = method))[coefficient, ]
    found <- c(df = row[["df"]], p = row[["Pr(>|t|)"]])
    names(found) <- paste(names(found), tolower(sub("-", "_", method)), sep = "_")
    numbers <- c(numbers, found)
  }
  lines[[name]] <<- sub('"numbers": .*', sprintf('"numbers": %s}', json(numbers)), lines[[name]])
}
ask_numbers <- function(name, call, numbers) {
  lines[[name]] <<- sprintf('  "%s": {"call": "%s", "numbers": %s}', name, call, json(numbers))
}

ask_tests("three_within_between_tests",
          "lmerTest::lmer(will_to_live ~ sev_within + sev_mean + (1 | hospital), data = three)",
          "sev_mean")
ask_tests("three_staff_tests",
          "lmerTest::lmer(will_to_live ~ staff_quality + (1 | hospital), data = three)",
          "staff_quality")
ask_tests("unbalanced_staff_tests",
          "lmerTest::lmer(will_to_live ~ staff_quality + (1 | hospital), data = unbalanced)",
          "staff_quality")

smaller <- lmer(will_to_live ~ sev_within + (1 | hospital), data = three, REML = FALSE)
larger <- update(smaller, . ~ . + sev_mean)
compared <- anova(smaller, larger)
ask_numbers("three_likelihood_ratio", "anova(smaller, larger)", c(
  statistic = compared$Chisq[2], p = compared[["Pr(>Chisq)"]][2],
  aic_smaller = AIC(smaller), aic_larger = AIC(larger),
  bic_smaller = BIC(smaller), bic_larger = BIC(larger)
))
differ <- lmer(resilience ~ 1 + (1 | hospital), data = forty)
alike <- lm(resilience ~ 1, data = forty)
ask_numbers("forty_resilience", "logLik(lmer) - logLik(lm, REML = TRUE)", c(
  statistic = as.numeric(2 * (logLik(differ) - logLik(alike, REML = TRUE))),
  f_value = anova(lm(resilience ~ hospital, data = forty))[["F value"]][1]
))

forty$sev_mean_c <- ave(forty$symptom_severity, forty$hospital) - 5
forty$staff_c <- forty$staff_quality - 5
forty$resilience_c <- forty$resilience - 5
ask("forty_cross_level", paste(
  "lmerTest::lmer(will_to_live ~ sev_within * staff_c + sev_mean_c + resilience_c",
  "+ (sev_within | hospital), data = forty)"
))

diagnosed <- will_to_live ~ sev_within + sev_mean + staff_quality + resilience
r2 <- performance::r2_nakagawa(lmer(update(diagnosed, . ~ . + (1 | hospital)), data = forty))
r2_slope <- performance::r2_nakagawa(
  lmer(update(diagnosed, . ~ . + (sev_within | hospital)), data = forty)
)
shares <- c(
  marginal = unname(r2$R2_marginal), conditional = unname(r2$R2_conditional),
  slope_marginal = unname(r2_slope$R2_marginal), slope_conditional = unname(r2_slope$R2_conditional)
)
lines[["forty_r_squared"]] <- sprintf(
  '  "forty_r_squared": {"call": "performance::r2_nakagawa(model)", "numbers": %s}', json(shares)
)
ask("forty_severity", "lmer(will_to_live ~ symptom_severity + (1 | hospital), data = forty)")
ask("forty_within_between",
    "lmer(will_to_live ~ sev_within + sev_mean + (1 | hospital), data = forty)")
ask("forty_mundlak",
    "lmer(will_to_live ~ symptom_severity + sev_mean + (1 | hospital), data = forty)")
ask("forty_mundlak_staff",
    "lmer(will_to_live ~ symptom_severity + sev_mean + staff_quality + (1 | hospital), data = forty)")
ask("pupils_ses", "lmer(maths ~ ses + (1 | school), data = pupils)")
ask("pupils_within_between", "lmer(maths ~ ses_within + ses_mean + (1 | school), data = pupils)")

cat("{\n", paste(lines, collapse = ",\n"), "\n}\n", sep = "")
