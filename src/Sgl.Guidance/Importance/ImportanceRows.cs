namespace Sgl.Guidance;

/// <summary>Query rows of the attention maps whose weights on the visual tokens are summed into A.</summary>
[Flags]
public enum ImportanceRows
{
    /// <summary>No row.</summary>
    None = 0,

    /// <summary>The last visual token's own row, which the authors' code includes and the paper does not mention.</summary>
    LastVisual = 1,

    /// <summary>All prompt rows after the last visual token: the N_T rows of eq. 3.</summary>
    Prompt = 2,

    /// <summary>The last prompt row alone, as FastV uses (paper Table 3).</summary>
    LastPrompt = 4,

    /// <summary>The rows of generated tokens, eq. 5.</summary>
    Generated = 8,
}

/// <summary>Which of two definitions of the rows is followed where paper and published code differ.</summary>
public enum ImportanceVariant
{
    /// <summary>As the authors' code, from which the published numbers came: prompt rows plus the last visual token's row.</summary>
    Reference,

    /// <summary>As eq. 3 and 4: the N_T prompt rows after the image only.</summary>
    Paper,
}

/// <summary>The tokens whose attention counts (paper Table 3).</summary>
public enum ImportanceSource
{
    /// <summary>Prompt and generated tokens: A = A^P + A^D, the paper's choice.</summary>
    PromptAndGenerated,

    /// <summary>A^P only.</summary>
    Prompt,

    /// <summary>A^D only. All zero where one token was generated: its row does not exist.</summary>
    Generated,

    /// <summary>The last prompt token's row only.</summary>
    LastPrompt,
}
