namespace Sgl.Text;

/// <summary>The prompt format that a model was trained with.</summary>
public interface IPromptTemplate
{
    /// <summary>Name of the format.</summary>
    string Name { get; }

    /// <summary>Ids that end an answer.</summary>
    IReadOnlyList<int> StopTokenIds { get; }

    /// <summary>The text that ends a turn; an answer is cut where it appears.</summary>
    string Separator { get; }

    /// <summary>Where the images of a turn stand unless a request keeps its own order.</summary>
    ImageOrder ImageOrder { get; }

    /// <summary>Builds the prompt, up to where the answer begins.</summary>
    /// <param name="request">The conversation.</param>
    /// <exception cref="PromptException">The conversation is not possible; names the field.</exception>
    TokenizedPrompt Build(PromptRequest request);
}
