import js from "@eslint/js";

export default [
  { ignores: ["**/uplot/"] }, // from npm as it is
  js.configs.recommended,
  {
    files: ["**/*.js"],
    languageOptions: { sourceType: "script" },
    rules: {
      "no-undef": "off", // the files of a page share their names: tsc, which reads all of them, knows what is missing
      "no-unused-vars": ["error", { vars: "local" }],
      eqeqeq: "error",
      "no-var": "error",
      "prefer-const": "error",
    },
  },
];
