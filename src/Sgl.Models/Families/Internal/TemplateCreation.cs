using Sgl.Text;

namespace Sgl.Models.Internal;

/// <summary>Turns a template's complaints about its tokenizer into problems of the folder.</summary>
internal static class TemplateCreation
{
    public static IPromptTemplate? Try(Func<IPromptTemplate> create, ProblemList problems)
    {
        try
        {
            return create();
        }
        catch (TokenizerException e)
        {
            TokenizerFolder.Add(e, problems);
        }
        catch (ArgumentException e)
        {
            problems.Add("tokenizer files", null, "the tokens of the family's prompt format", e.Message);
        }

        return null;
    }
}
