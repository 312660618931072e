namespace Sgl.Router;

/// <summary>In what the two protocols differ that ask the same questions.</summary>
/// <param name="MaxTokens">Names of the most tokens, the first one that is set counts.</param>
/// <param name="Count">Reads how many answers are wanted.</param>
/// <param name="Logprobs">Reads whether the answer tells how likely its tokens were.</param>
/// <param name="LogprobsField">The field that says so.</param>
/// <param name="Format">Reads what the answer must be.</param>
/// <param name="FormatFields">The field that says so, and the schema in it.</param>
/// <param name="Refuse">Notes what would change the answer and is not supported.</param>
internal sealed record BodyTerms(
    string[] MaxTokens, Func<BodyObject, int> Count, Func<BodyObject, bool> Logprobs, string LogprobsField, Func<BodyObject, Wire.ResponseFormat?> Format,
    (string Format, string Schema) FormatFields, Action<BodyObject> Refuse)
{
    /// <summary>Those of <c>/v1/responses</c>.</summary>
    public static BodyTerms Response { get; } = new(
        ["max_output_tokens"], _ => 1, ResponseIncludes.ReadLogprobs, "include", ResponseFormatReader.ReadResponse, ("text.format", "text.format.schema"), UnsupportedFields.RefuseInResponses);

    /// <summary>Those of <c>/v1/chat/completions</c>.</summary>
    /// <param name="mostAnswers">Most answers to a question.</param>
    public static BodyTerms Chat(int mostAnswers) => new(
        ["max_completion_tokens", "max_tokens"], body => (int)(body.Whole("n", 1, mostAnswers) ?? 1), body => body.Flag("logprobs"), "logprobs",
        ResponseFormatReader.ReadChat, ("response_format", "response_format.json_schema.schema"), UnsupportedFields.Refuse);
}
