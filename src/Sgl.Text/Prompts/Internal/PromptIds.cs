namespace Sgl.Text.Internal;

/// <summary>Collects the ids of a prompt and the places of its images.</summary>
internal sealed class PromptIds(int capacity)
{
    private readonly List<int> _ids = new(capacity);
    private readonly List<ImageSpan> _images = [];

    public void Add(int id) => _ids.Add(id);

    public void AddImage(int image, int placeholder, int count)
    {
        _images.Add(new(image, _ids.Count, count));
        System.Runtime.InteropServices.CollectionsMarshal.SetCount(_ids, _ids.Count + count);
        System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_ids)[^count..].Fill(placeholder);
    }

    public TokenizedPrompt ToPrompt() => new([.. _ids], [.. _images]);
}
