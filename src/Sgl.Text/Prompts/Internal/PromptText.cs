using System.Text;

namespace Sgl.Text.Internal;

/// <summary>A prompt under construction: which of its text is the format's and which came with the request.</summary>
internal sealed class PromptText
{
    private readonly StringBuilder _text = new();
    private readonly List<TextRange> _foreign = [];

    /// <summary>The images in order: which, and where in the text.</summary>
    public List<(int Image, int Position)> Images { get; } = [];

    /// <summary>Ranges that came with the request; neighbours are joined, so that nothing can hide in a seam.</summary>
    public IReadOnlyList<TextRange> Foreign => _foreign;

    public void Append(string own) => _text.Append(own);

    public void AppendForeign(string text)
    {
        if (text.Length == 0)
        {
            return;
        }

        if (_foreign.Count > 0 && _foreign[^1].End == _text.Length)
        {
            _foreign[^1] = new(_foreign[^1].Start, _foreign[^1].Length + text.Length);
        }
        else
        {
            _foreign.Add(new(_text.Length, text.Length));
        }

        _text.Append(text);
    }

    public void AppendImage(int image, string mark)
    {
        Images.Add((image, _text.Length));
        _text.Append(mark);
    }

    public override string ToString() => _text.ToString();
}
