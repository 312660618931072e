namespace Sgl.Models;

/// <summary>What a checkpoint says about generation: <c>generation_config.json</c>, and the family's own rule for stopping.</summary>
/// <remarks>
/// A number outside a setting's range is how files say "off" (<c>top_k: -1</c>, <c>top_p: 0</c>, <c>eos_token_id: -1</c>), and counts as
/// absent.
/// </remarks>
public sealed record GenerationConfig
{
    /// <summary>Ids that end an answer. Empty when neither files nor tokenizer name any: the caller must supply them.</summary>
    public IReadOnlyList<int> StopTokenIds { get; init; } = [];

    /// <summary><c>do_sample</c>; the reference evaluation is greedy whatever this says.</summary>
    public bool DoSample { get; init; }

    /// <summary><c>temperature</c>, at least 0; null when absent or off.</summary>
    public double? Temperature { get; init; }

    /// <summary><c>top_p</c>, above 0 and at most 1; null when absent or off.</summary>
    public double? TopP { get; init; }

    /// <summary><c>top_k</c>, at least 1; null when absent or off.</summary>
    public int? TopK { get; init; }

    /// <summary><c>repetition_penalty</c>, above 0; null when absent or off.</summary>
    public double? RepetitionPenalty { get; init; }

    /// <summary>Reads <c>generation_config.json</c>; an absent file gives an empty record.</summary>
    /// <param name="problems">Collector, knows the folder.</param>
    public static GenerationConfig Read(ProblemList problems)
    {
        if (ConfigFile.Open("generation_config.json", problems, required: false) is not { } file)
        {
            return new GenerationConfig();
        }

        return new GenerationConfig
        {
            StopTokenIds = file.TokenIds("eos_token_id"),
            DoSample = file.Bool("do_sample", false),
            Temperature = file.OptionalNumber("temperature") is >= 0 and var temperature ? temperature : null,
            TopP = file.OptionalNumber("top_p") is > 0 and <= 1 and var topP ? topP : null,
            TopK = file.OptionalNumber("top_k") is >= 1 and <= int.MaxValue and var topK ? (int)topK : null,
            RepetitionPenalty = file.OptionalNumber("repetition_penalty") is > 0 and var penalty ? penalty : null,
        };
    }
}
