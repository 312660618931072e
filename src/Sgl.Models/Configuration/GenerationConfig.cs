namespace Sgl.Models;

/// <summary>What a checkpoint says about generation: <c>generation_config.json</c>, and the family's own rule for stopping.</summary>
public sealed record GenerationConfig
{
    /// <summary>Ids that end an answer. Empty when neither files nor tokenizer name any: the caller must supply them.</summary>
    public IReadOnlyList<int> StopTokenIds { get; init; } = [];

    /// <summary><c>do_sample</c>; the reference evaluation is greedy whatever this says.</summary>
    public bool DoSample { get; init; }

    /// <summary><c>temperature</c>, null when absent.</summary>
    public double? Temperature { get; init; }

    /// <summary><c>top_p</c>, null when absent.</summary>
    public double? TopP { get; init; }

    /// <summary><c>top_k</c>, null when absent.</summary>
    public int? TopK { get; init; }

    /// <summary><c>repetition_penalty</c>, null when absent.</summary>
    public double? RepetitionPenalty { get; init; }

    /// <summary>Reads <c>generation_config.json</c>; an absent file gives an empty record.</summary>
    /// <param name="problems">Collector, knows the folder.</param>
    public static GenerationConfig Read(ProblemList problems)
    {
        if (ConfigReader.Open("generation_config.json", problems, required: false) is not { } file)
        {
            return new GenerationConfig();
        }

        return new GenerationConfig
        {
            StopTokenIds = file.TokenIds("eos_token_id"),
            DoSample = file.Bool("do_sample", false),
            Temperature = file.Has("temperature") ? file.NonNegativeNumber("temperature") : null,
            TopP = file.Has("top_p") ? file.NonNegativeNumber("top_p") : null,
            TopK = file.Has("top_k") ? file.Int("top_k", null, 0, int.MaxValue) : null,
            RepetitionPenalty = file.Has("repetition_penalty") ? file.PositiveNumber("repetition_penalty") : null,
        };
    }
}
