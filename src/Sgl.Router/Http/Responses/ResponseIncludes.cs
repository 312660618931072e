namespace Sgl.Router;

/// <summary>Reads <c>include</c> of <c>/v1/responses</c>.</summary>
internal static class ResponseIncludes
{
    /// <summary>How likely the tokens of the answer were.</summary>
    public const string Logprobs = "message.output_text.logprobs";

    /// <summary>Reads whether <see cref="Logprobs"/> are wanted; anything else is refused.</summary>
    public static bool ReadLogprobs(BodyObject body)
    {
        var wanted = false;
        foreach (var (name, path) in body.Texts("include"))
        {
            wanted |= name == Logprobs;
            if (name != Logprobs)
            {
                body.Violations.Add(path, $"{ViolationList.Quote(name)} is not supported; {Logprobs} is, and what else comes beside an answer is asked for by sgl.include");
            }
        }

        return wanted;
    }
}
