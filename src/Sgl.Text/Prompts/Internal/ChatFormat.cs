namespace Sgl.Text.Internal;

/// <summary>The fixed strings of a prompt format.</summary>
internal sealed record ChatFormat
{
    /// <summary>What begins the system turn.</summary>
    public required string SystemHead { get; init; }

    /// <summary>What begins a user turn.</summary>
    public required string UserHead { get; init; }

    /// <summary>What begins an earlier answer.</summary>
    public required string AssistantHead { get; init; }

    /// <summary>What the prompt ends with.</summary>
    public required string AnswerHead { get; init; }

    /// <summary>What ends a turn.</summary>
    public required string TurnEnd { get; init; }

    /// <summary>The system text when the request has none; null: no system turn.</summary>
    public string? DefaultSystem { get; init; }

    /// <summary>What stands before an image's visual tokens.</summary>
    public string ImageHead { get; init; } = "";

    /// <summary>The token that stands for one visual token.</summary>
    public required string Placeholder { get; init; }

    /// <summary>What stands after an image's visual tokens.</summary>
    public string ImageTail { get; init; } = "";

    /// <summary>Tokens beside <see cref="Placeholder"/> that only the model's vision side may use.</summary>
    public IReadOnlyList<string> OtherPlaceholders { get; init; } = [];

    /// <summary>Whether images in front of a message's text are each followed by a line break, unless the text begins with one.</summary>
    public bool BreakAfterLeadingImage { get; init; }

    /// <summary>What stands before each text of a message.</summary>
    public string TextHead { get; init; } = "";

    /// <summary>Whether earlier answers stand without their thought: only what is behind the last <c>&lt;/think&gt;</c>.</summary>
    public bool DropsThoughts { get; init; }

    /// <summary>Where a message's images stand.</summary>
    public required ImageOrder ImageOrder { get; init; }

    /// <summary>
    /// Whether the placeholder is no token: the text is cut where an image is and the parts are encoded one by one.
    /// </summary>
    public bool CutAtImages { get; init; }

    /// <summary>Id for the positions of visual tokens when <see cref="CutAtImages"/> is set.</summary>
    public int CutId { get; init; }
}
